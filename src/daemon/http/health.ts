import { BrokerError } from '../../core/errors.ts';
import type { Daemon } from '../daemon.ts';
import { answerJson } from './answers.ts';
import type { Route } from './routes.ts';

/**
 * `/health`: the daemon runs. `/ready`: it can also do its work, for which the vault must be open; no upstream is asked, since
 * theirs is not broker's health. Neither needs a token, and neither says more than that.
 */
export function healthRoutes(daemon: Pick<Daemon, 'vault'>): Route[] {
  const methods = ['GET', 'HEAD'];
  return [
    {
      path: '/health',
      auth: 'open',
      methods,
      handle: (_request, response) => answerJson(response, 200, { status: daemon.vault.state }),
    },
    {
      path: '/ready',
      auth: 'open',
      methods,
      handle: (_request, response) => {
        const { state } = daemon.vault;
        if (state === 'unlocked') answerJson(response, 200, { ready: true });
        else
          throw new BrokerError('locked', state === 'locked' ? 'the vault is locked' : 'there is no vault yet', {
            hint: state === 'locked' ? 'to unlock it: broker unlock' : 'to create one: broker up',
          });
      },
    },
  ];
}
