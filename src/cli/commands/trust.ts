import { BrokerError } from '../../core/errors.ts';
import { adminClient } from '../admin.ts';
import { print, printJson, say } from '../output.ts';
import { canPrompt, promptLine } from '../prompt.ts';

interface Options {
  readonly fingerprint?: string[];
  readonly json?: boolean;
  readonly passwordFile?: string;
}

/**
 * `broker service trust NAME`: shows the keys of the server and pins them once somebody has said that they are right.
 * @throws BrokerError `conflict` when the server has other keys than named; `cancelled` when the answer is not yes.
 */
export async function trust(name: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const named = options.fingerprint ?? [];
  let { keys } = await client.services.trust({ name, fingerprints: named });
  const isPinned = (): boolean => keys.some(({ pinned }) => pinned);
  const before = named.length === 0 && isPinned();
  if (options.json) printJson(keys.map(({ type, fingerprint, pinned }) => ({ type, fingerprint, pinned })));
  else for (const { type, fingerprint, pinned } of keys) print(`${fingerprint} ${type}${pinned ? ' (pinned)' : ''}`);
  if (isPinned()) {
    say(before ? `${name}: pinned already` : `${name}: pinned`);
    return 0;
  }
  if (!canPrompt())
    throw new BrokerError('invalid_argument', 'nobody has said that these are the right keys', {
      hint: `compare them with those that the server's owner gives you; then: broker service trust ${name} --fingerprint SHA256:...`,
    });
  const answer = await promptLine('Are these the keys of the server that you mean? (yes, or a fingerprint)');
  const fingerprints = keys.map(({ fingerprint }) => fingerprint);
  const chosen = answer === 'yes' ? fingerprints : fingerprints.filter((fingerprint) => fingerprint === answer);
  if (chosen.length === 0) throw new BrokerError('cancelled', 'nothing was pinned');
  ({ keys } = await client.services.trust({ name, fingerprints: chosen }));
  say(`${name}: pinned`);
  return 0;
}
