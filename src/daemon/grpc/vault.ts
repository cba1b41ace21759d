import { BrokerError } from '../../core/errors.ts';
import type { VaultHandlers } from '../../core/proto/broker/v1/Vault.ts';
import type { VaultStatus, VaultStatus__Output } from '../../core/proto/broker/v1/VaultStatus.ts';
import { fromMillis, fromOptionalMillis, toMillis } from '../../core/rpc.ts';
import { Secret } from '../../core/secret.ts';
import { MAX_VAULT_BYTES } from '../../vault/limits.ts';
import type { Caller } from '../caller.ts';
import type { Daemon } from '../daemon.ts';
import { ELEVATION_MS } from '../tokens.ts';
import type { Adapter } from './adapt.ts';
import { chunks, collect } from './chunks.ts';

/** A backup is the vault file itself. */
const MAX_BACKUP_BYTES = MAX_VAULT_BYTES;

export function vaultHandlers(daemon: Daemon, adapt: Adapter): VaultHandlers {
  const { vault, tokens } = daemon;
  return {
    Status: adapt.unary(async (_request, { caller }) => status(daemon, caller)),
    Initialize: adapt.unary(async ({ password }, { caller, signal }) => {
      using secret = Secret.own(password);
      await daemon.audited('vault.initialize', caller, {}, () => {
        if (!daemon.isOwner(caller)) {
          throw new BrokerError('denied', "only the daemon's own user may create the vault, on the unix socket");
        }
        return vault.initialize(secret, signal);
      });
      await daemon.unlocked();
      return status(daemon, caller);
    }),
    Unlock: adapt.unary(async (request, { caller, signal }) => {
      const type = request.credential === 'key' ? 'key' : 'password';
      using secret = Secret.own((type === 'key' ? request.key : request.password) ?? Buffer.alloc(0));
      await daemon.audited('vault.unlock', caller, { detail: { with: type } }, () =>
        vault.unlock({ type, secret }, caller.origin, signal),
      );
      await daemon.unlocked();
      return status(daemon, caller);
    }),
    Lock: adapt.unary(async ({ reason }, { caller }) => {
      await daemon.audited('vault.lock', caller, { reason }, () => daemon.lock());
      return status(daemon, caller);
    }),
    Elevate: adapt.unary(async (request, { caller, signal }) => {
      using secret = Secret.own(request.password);
      const { token, record } = await daemon.audited('token.elevate', caller, {}, async () => {
        const ttlMs = toMillis(request.ttl) ?? ELEVATION_MS;
        if (!(ttlMs > 0)) throw new BrokerError('invalid_argument', 'ttl must be a time in the future');
        await vault.verify({ type: 'password', secret }, caller.origin, signal);
        const name = caller.token ? `${caller.token.name} (elevated)` : 'elevated';
        return tokens.elevate(name, caller.peer?.uid, ttlMs);
      });
      using _ = token;
      return { token: token.use((bytes) => bytes.toString('utf8')), expiresAt: fromOptionalMillis(record.expiresAt) };
    }),
    ChangePassword: adapt.unary(async (request, { caller, signal }) => {
      using before = Secret.own(request.oldPassword);
      using after = Secret.own(request.newPassword);
      await daemon.audited('vault.passwd', caller, { detail: { rekey: request.rekey } }, () =>
        vault.changePassword(before, after, { rekey: request.rekey }, caller.origin, signal),
      );
      // Sealed with a key of the vault's, which a rekey has replaced.
      if (request.rekey) await daemon.audit.seal();
      return status(daemon, caller);
    }),
    AddKeySlot: adapt.unary(async ({ key, label }, { caller }) => {
      using secret = Secret.own(key);
      await daemon.audited('vault.slot_add', caller, { detail: { label } }, () =>
        vault.addSlot({ type: 'key', secret }, label),
      );
      return status(daemon, caller);
    }),
    RemoveKeySlot: adapt.unary(async ({ label }, { caller }) => {
      await daemon.audited('vault.slot_remove', caller, { detail: { label } }, () => vault.removeSlot(label));
      return status(daemon, caller);
    }),
    Scan: adapt.unary(async ({ values, home }, { caller, signal }) => {
      const detail: Record<string, number> = { values: values.length };
      return await daemon.audited('vault.scan', caller, { detail }, async () => {
        const matches = daemon.leaks.among(caller, values);
        detail.matches = matches.length;
        if (!home) return { matches };
        // Whoever may write there could else try a whole dictionary at once.
        if (!daemon.isOwner(caller)) throw new BrokerError('denied', "home: for an admin, or the daemon's own user");
        const files = await daemon.leaks.inFiles(daemon.home, signal);
        detail.files = files.length;
        return { matches, files };
      });
    }),
    Backup: adapt.serverStream(async function* (_request, { caller }) {
      const bytes = await daemon.audited('vault.backup', caller, {}, () => vault.backup());
      yield* chunks(bytes);
    }),
    Restore: adapt.clientStream(async (requests, { caller, signal }) => {
      await daemon.audited('vault.restore', caller, {}, async () => {
        let password: Secret | undefined;
        try {
          const backup = await collect(requests, MAX_BACKUP_BYTES, (first) => {
            password = Secret.own(first.password);
          });
          if (!password) throw new BrokerError('invalid_argument', 'the first message must have the password');
          await daemon.restore(backup, password, caller, signal);
        } finally {
          password?.[Symbol.dispose]();
        }
      });
      return status(daemon, caller);
    }),
  };
}

const STATES = {
  absent: 'STATE_ABSENT',
  locked: 'STATE_LOCKED',
  unlocked: 'STATE_UNLOCKED',
} as const satisfies Record<string, VaultStatus__Output['state']>;

function status(daemon: Daemon, caller: Caller): VaultStatus {
  const { vault } = daemon;
  const unlocked = vault.state === 'unlocked';
  const isAdmin = caller.token?.scope === 'admin';
  return {
    state: STATES[vault.state],
    version: daemon.version,
    pid: process.pid,
    startedAt: fromMillis(daemon.startedAt),
    generation: unlocked ? vault.generation : 0,
    slots:
      unlocked && isAdmin
        ? vault
            .slots()
            .map(({ index, type, label, createdAt }) => ({ index, type, label, createdAt: fromMillis(createdAt) }))
        : [],
    openSessions: isAdmin ? daemon.sessions.list().filter((lease) => lease.state !== 'ended').length : 0,
    weaknesses: isAdmin ? [...daemon.weaknesses] : [],
    http: daemon.httpAddress ?? '',
    caller: caller.token
      ? {
          id: caller.token.id,
          name: caller.token.name,
          scope: caller.token.scope,
          expiresAt: fromOptionalMillis(caller.token.expiresAt),
        }
      : null,
  };
}
