import { resolve } from 'node:path';
import { BrokerError } from '../../core/errors.ts';
import { connect } from '../connect.ts';
import { say } from '../output.ts';
import { storePlace, storeToken } from '../place.ts';
import { promptSecret, readStdinSecret } from '../prompt.ts';

interface LoginOptions {
  readonly tokenStdin?: boolean;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** `broker login ADDR`: proves that address and token work, then keeps both for this user's later calls. */
export async function login(address: string, options: LoginOptions): Promise<number> {
  using token = options.tokenStdin ? await readStdinSecret('Token') : await promptSecret('Token');
  if (token.length === 0) throw new BrokerError('invalid_argument', 'the token is empty');
  const files = {
    ...(options.caFile && { caFile: resolve(options.caFile) }),
    ...(options.certFile && { certFile: resolve(options.certFile) }),
    ...(options.keyFile && { keyFile: resolve(options.keyFile) }),
  };
  using client = connect({ address, token, ...files });
  const { state, caller } = await client.vault.status({});
  if (state === 'STATE_UNLOCKED' && !caller)
    throw new BrokerError('unauthenticated', `the daemon at ${address} does not know this token`, {
      hint: 'make one there: broker token create --name NAME --service GLOB',
    });
  if (caller?.scope === 'admin') {
    throw new BrokerError(
      'denied',
      'an admin token is not stored: what lies around must not be able to change anything',
      {
        hint: 'log in with a proxy token (broker token create), and give admin tokens in BROKER_TOKEN',
      },
    );
  }
  storePlace({ address, ...files });
  storeToken(token.use((bytes) => bytes.toString('utf8')));
  say(
    caller
      ? `logged in as ${caller.name}`
      : `stored; the vault at ${address} is not open, so the token could not be checked`,
  );
  return 0;
}
