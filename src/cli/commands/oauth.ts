import { spawn } from 'node:child_process';
import { BrokerError } from '../../core/errors.ts';
import { fromMillis } from '../../core/rpc.ts';
import { adminClient } from '../admin.ts';
import { print, printJson, say } from '../output.ts';

interface Options {
  readonly passwordFile?: string;
  readonly device?: boolean;
  readonly open?: boolean;
  readonly redirectUri?: string;
  readonly json?: boolean;
}

/** Milliseconds that one question after the login's state waits for its end. */
const WAIT_MS = 20_000;

/** `broker oauth login NAME`: prints where to log in, and waits until somebody has. */
export async function login(service: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  const device = options.device ?? false;
  const begun = await client.oAuth.begin({ service, device, redirectUri: options.redirectUri ?? '' });
  const { id, url, userCode } = begun;
  if (options.json) printJson({ url, ...(userCode !== '' && { user_code: userCode }) });
  else print(url);
  if (userCode !== '') say(`open that address on any device and type ${userCode}`);
  else say('open that address in a browser on this machine');
  if (options.open) openBrowser(url);
  for (;;) {
    const { state, error, hint } = await client.oAuth.status({ id, wait: fromMillis(WAIT_MS) });
    if (state === 'STATE_PENDING') continue;
    if (state !== 'STATE_DONE') throw new BrokerError('upstream_auth', error, { ...(hint && { hint }) });
    say(`${service}: logged in; the refresh token is in the vault`);
    return 0;
  }
}

/** The URL holds no secret: a state and a challenge, both good for this login alone. */
function openBrowser(url: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(command, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => say(`${command} cannot be started; open the address by hand`));
  child.unref();
}
