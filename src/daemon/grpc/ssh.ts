import type { SshHandlers } from '../../core/proto/broker/v1/Ssh.ts';
import { identityFrom } from '../../drivers/ssh/identity.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';
import { copyHandlers } from './copy.ts';
import { execHandler } from './exec.ts';

export function sshHandlers(daemon: Daemon, adapt: Adapter): SshHandlers {
  return {
    ...copyHandlers(daemon, adapt),
    Exec: execHandler(daemon, adapt),
    Hosts: adapt.unary(async (_request, { caller }) => ({
      hosts: daemon.services
        .list()
        .filter(({ kind, name }) => kind === 'ssh' && daemon.gate.visible(caller, name))
        .map(({ name, config }) => ({
          service: name,
          user: typeof config.user === 'string' ? config.user : '',
          hostKey: identityFrom(daemon.localKey(name)).line,
        })),
    })),
  };
}
