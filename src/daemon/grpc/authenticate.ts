import { BrokerError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Access } from '../access.ts';
import type { Caller } from '../caller.ts';
import type { Tokens } from '../tokens.ts';
import type { AnyCall, Authenticate } from './adapt.ts';
import { connectionFacts } from './peers.ts';

export interface AuthenticateDeps {
  readonly tokens: Tokens;
  readonly vaultState: () => 'absent' | 'locked' | 'unlocked';
  /** The daemon's own user on the unix socket. */
  readonly isOwner: (caller: Caller) => boolean;
  /** Told about every refusal, for the audit log. */
  readonly refused: (caller: Caller, method: string, error: BrokerError) => Promise<void>;
}

/** Who calls: the token in `authorization: Bearer`, and the process at the other end as the kernel knows it. */
export function authenticator(deps: AuthenticateDeps): Authenticate {
  return async (call, access, method) => {
    let caller = await identify(call);
    try {
      caller = withToken(call, caller, access);
      demand(caller, access, method);
      return caller;
    } catch (error) {
      if (error instanceof BrokerError) await deps.refused(caller, method, error);
      throw error;
    }
  };

  function withToken(call: AnyCall, anonymous: Caller, access: Access): Caller {
    const presented = bearer(call);
    const state = deps.vaultState();
    if (state !== 'unlocked') {
      // Tokens live in the vault, so nobody can be told from anybody while it is closed.
      if (access === 'anyone' || (access === 'owner' && deps.isOwner(anonymous))) return anonymous;
      throw state === 'locked'
        ? new BrokerError('locked', 'the vault is locked', { hint: 'to unlock it: broker unlock' })
        : new BrokerError('locked', 'there is no vault yet', { hint: 'to create one: broker up' });
    }
    if (!presented) return anonymous;
    try {
      const uid = anonymous.peer?.uid;
      const token = deps.tokens.authenticate(presented, {
        transport: anonymous.transport,
        ...(uid !== undefined && { uid }),
      });
      return { ...anonymous, ...(token && { token }) };
    } catch (error) {
      // A client sends whatever token it finds; a stale one must not keep it from what needs none.
      if (access === 'anyone') return anonymous;
      throw error;
    } finally {
      presented[Symbol.dispose]();
    }
  }

  function demand(caller: Caller, access: Access, method: string): void {
    if (access === 'anyone') return;
    if (access === 'owner' && deps.isOwner(caller)) return;
    if (!caller.token) {
      throw new BrokerError('unauthenticated', 'this needs a token', {
        hint: 'set BROKER_TOKEN, or run: broker login',
      });
    }
    if (access !== 'token' && caller.token.scope !== 'admin') {
      throw new BrokerError(
        'denied',
        `${method.split('/').slice(-2).join('/').replace('broker.v1.', '')} needs an admin`,
        {
          hint: 'set BROKER_TOKEN to an admin token, or give the master password (prompt, --password-file, BROKER_PASSWORD_FILE)',
        },
      );
    }
  }
}

async function identify(call: AnyCall): Promise<Caller> {
  const connection = connectionFacts(call);
  if (!connection) return { transport: 'tcp', origin: 'tcp:unknown' };
  const peer = await connection.peer;
  const origin = peer ? `uid:${peer.uid}` : `${connection.transport}:${connection.remoteAddress}`;
  return { transport: connection.transport, origin, ...(peer && { peer }) };
}

function bearer(call: AnyCall): Secret | undefined {
  const [value] = call.metadata.get('authorization');
  if (typeof value !== 'string') return undefined;
  const match = /^bearer +(\S+)$/i.exec(value);
  return match?.[1] === undefined ? undefined : Secret.fromText(match[1]);
}
