import assert from 'node:assert/strict';
import type { EventEmitter } from 'node:events';
import type { StatusObject } from '@grpc/grpc-js';
import { type BrokerClient, fromServiceError } from '../../../src/cli/connect.ts';
import { BrokerError } from '../../../src/core/errors.ts';
import { fromMillis } from '../../../src/core/rpc.ts';
import { MASTER } from '../../support/daemon.ts';
import { struct } from '../../support/pgservice.ts';

/*
 * Who may call what: every RPC of the proto files, called by every sort of caller, against a table written out here by
 * hand. `owner` comes over the unix socket as the daemon's own user without a token; all others over TCP. Then the same
 * over /rpc, where nobody is the owner, and where what takes a stream is refused to all.
 */
export const COLUMNS = ['admin', 'owner', 'proxy', 'stranger', 'none', 'expired', 'revoked'] as const;
export type Column = (typeof COLUMNS)[number];
type Outcomes = Readonly<Record<Column, string>>;

interface Row {
  readonly call: (client: BrokerClient) => Promise<unknown>;
  readonly unlocked: Outcomes;
  readonly locked: Outcomes;
}

const outcomes = (text: string): Outcomes => {
  const words = text.split(' ');
  assert.equal(words.length, COLUMNS.length, text);
  return Object.fromEntries(COLUMNS.map((column, index) => [column, words[index]])) as Record<Column, string>;
};
const NO = 'unauthenticated';
//                             admin owner proxy stranger none expired revoked
const ANYONE = outcomes('ok ok ok ok ok ok ok');
const TOKEN = outcomes(`ok ${NO} ok ok ${NO} ${NO} ${NO}`);
const GRANTED = outcomes(`ok ${NO} ok not_found ${NO} ${NO} ${NO}`);
const ADMIN = outcomes(`ok ${NO} denied denied ${NO} ${NO} ${NO}`);
const OWNER = outcomes(`ok ok denied denied ${NO} ${NO} ${NO}`);
const LOCKED = outcomes('locked locked locked locked locked locked locked');
const LOCKED_OWNER = outcomes('locked ok locked locked locked locked locked');
const instead = (row: Outcomes, outcome: string): Outcomes =>
  outcomes(COLUMNS.map((column) => (row[column] === 'ok' ? outcome : row[column])).join(' '));

export const password = (): Buffer => Buffer.from(MASTER);
const all = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const message of stream) assert.ok(message);
};

/** A service that nobody dials. */
const EXTRA = { host: '127.0.0.1', user: 'app', tls: 'disable', min_auth: 'md5', spares: 0 };

export const ROWS: Readonly<Record<string, Row>> = {
  'Vault/Status': { call: (c) => c.vault.status({}), unlocked: ANYONE, locked: ANYONE },
  'Vault/Initialize': {
    call: (c) => c.vault.initialize({ password: password() }),
    unlocked: outcomes('conflict conflict denied denied denied denied denied'),
    // Tokens cannot be told from each other while the vault is closed: the admin is nobody, too.
    locked: outcomes('denied conflict denied denied denied denied denied'),
  },
  'Vault/Unlock': { call: (c) => c.vault.unlock({ password: password() }), unlocked: ANYONE, locked: ANYONE },
  'Vault/Elevate': { call: (c) => c.vault.elevate({ password: password() }), unlocked: ANYONE, locked: LOCKED },
  'Vault/Lock': { call: (c) => c.vault.lock({}), unlocked: ADMIN, locked: LOCKED },
  'Vault/ChangePassword': {
    call: (c) => c.vault.changePassword({ oldPassword: password(), newPassword: password() }),
    unlocked: ADMIN,
    locked: LOCKED,
  },
  'Vault/AddKeySlot': {
    call: (c) => c.vault.addKeySlot({ key: Buffer.alloc(32, 9), label: 'spare key' }),
    unlocked: ADMIN,
    locked: LOCKED,
  },
  'Vault/RemoveKeySlot': {
    call: (c) => c.vault.removeKeySlot({ label: 'spare key' }),
    unlocked: ADMIN,
    locked: LOCKED,
  },
  'Vault/Scan': {
    call: (c) => c.vault.scan({ values: [Buffer.from('no secret of ours')] }),
    unlocked: TOKEN,
    locked: LOCKED,
  },
  'Vault/Backup': { call: (c) => all(c.vault.backup({})), unlocked: ADMIN, locked: LOCKED },
  'Vault/Restore': {
    call: (c) => c.vault.restore([{ password: password(), data: Buffer.from('no vault') }]),
    unlocked: instead(OWNER, 'corrupt'),
    locked: instead(LOCKED_OWNER, 'corrupt'),
  },
  'Kinds/List': { call: (c) => c.kinds.list({}), unlocked: ANYONE, locked: ANYONE },
  'Presets/List': { call: (c) => c.presets.list({}), unlocked: TOKEN, locked: LOCKED },
  'Services/Put': {
    call: (c) =>
      c.services.put({ name: 'extra', kind: 'postgres', config: struct(EXTRA), secrets: { password: password() } }),
    unlocked: ADMIN,
    locked: LOCKED,
  },
  'Services/Set': {
    call: (c) => c.services.set({ name: 'mine', config: struct({ spares: 0 }) }),
    unlocked: ADMIN,
    locked: LOCKED,
  },
  'Services/Get': { call: (c) => c.services.get({ name: 'mine' }), unlocked: GRANTED, locked: LOCKED },
  'Services/List': { call: (c) => c.services.list({}), unlocked: TOKEN, locked: LOCKED },
  'Services/Delete': { call: (c) => c.services.delete({ name: 'extra' }), unlocked: ADMIN, locked: LOCKED },
  'Services/Test': { call: (c) => c.services.test({ name: 'mine' }), unlocked: ADMIN, locked: LOCKED },
  'Services/ListCookies': {
    call: (c) => c.services.listCookies({ name: 'mine' }),
    unlocked: instead(ADMIN, 'invalid_argument'),
    locked: LOCKED,
  },
  'Services/ClearCookies': {
    call: (c) => c.services.clearCookies({ name: 'mine' }),
    unlocked: instead(ADMIN, 'invalid_argument'),
    locked: LOCKED,
  },
  'Sessions/Open': { call: (c) => c.sessions.open({ service: 'mine' }), unlocked: GRANTED, locked: LOCKED },
  'Sessions/List': { call: (c) => c.sessions.list({}), unlocked: TOKEN, locked: LOCKED },
  'Sessions/Watch': { call: watched, unlocked: TOKEN, locked: LOCKED },
  'Sessions/Close': {
    call: (c) => c.sessions.close({ id: 'nobodys' }),
    unlocked: instead(TOKEN, 'not_found'),
    locked: LOCKED,
  },
  // The service of that name is no ssh service.
  'Services/Trust': {
    call: (c) => c.services.trust({ name: 'mine' }),
    // Postgres has no such keys.
    unlocked: instead(ADMIN, 'invalid_argument'),
    locked: LOCKED,
  },
  'Ssh/Hosts': { call: (c) => c.ssh.hosts({}), unlocked: TOKEN, locked: LOCKED },
  'Ssh/Upload': {
    call: (c) => c.ssh.upload([{ start: { service: 'mine', path: 'x' } }]),
    unlocked: instead(GRANTED, 'invalid_argument'),
    locked: LOCKED,
  },
  'Ssh/Download': {
    call: (c) => all(c.ssh.download({ service: 'mine', path: 'x' })),
    unlocked: instead(GRANTED, 'invalid_argument'),
    locked: LOCKED,
  },
  'Ssh/Exec': { call: executed, unlocked: instead(GRANTED, 'invalid_argument'), locked: LOCKED },
  'Http/Request': { call: requested, unlocked: instead(GRANTED, 'invalid_argument'), locked: LOCKED },
  'Sessions/Connect': { call: connected, unlocked: instead(GRANTED, 'ended'), locked: LOCKED },
  'Tokens/Create': {
    call: (c) =>
      c.tokens.create({
        name: 'made',
        scope: 'proxy',
        grants: [{ services: 'mine', actions: ['open'] }],
        ttl: fromMillis(60_000),
      }),
    // The stranger's would be more than the stranger has.
    unlocked: outcomes(`ok ${NO} ok denied ${NO} ${NO} ${NO}`),
    locked: LOCKED,
  },
  'Tokens/Hold': {
    call: held,
    unlocked: outcomes(`ok ${NO} ok denied ${NO} ${NO} ${NO}`),
    locked: LOCKED,
  },
  'Tokens/List': { call: (c) => c.tokens.list({}), unlocked: TOKEN, locked: LOCKED },
  'Tokens/Revoke': {
    call: (c) => c.tokens.revoke({ token: 'nobodys' }),
    unlocked: instead(TOKEN, 'not_found'),
    locked: LOCKED,
  },
  'Files/Put': { call: (c) => c.files.put([{ name: 'key', data: Buffer.from('k') }]), unlocked: ADMIN, locked: LOCKED },
  'Files/Get': { call: (c) => all(c.files.get({ name: 'key' })), unlocked: ADMIN, locked: LOCKED },
  'Files/List': { call: (c) => c.files.list({}), unlocked: ADMIN, locked: LOCKED },
  'Files/Delete': { call: (c) => c.files.delete({ name: 'key' }), unlocked: ADMIN, locked: LOCKED },
  'OAuth/Begin': {
    call: (c) => c.oAuth.begin({ service: 'mine' }),
    unlocked: instead(ADMIN, 'invalid_argument'),
    locked: LOCKED,
  },
  'OAuth/Status': {
    call: (c) => c.oAuth.status({ id: 'nobodys' }),
    unlocked: instead(ADMIN, 'not_found'),
    locked: LOCKED,
  },
  'Audit/Query': { call: (c) => all(c.audit.query({ limit: 2 })), unlocked: ADMIN, locked: LOCKED },
  'Audit/Verify': { call: (c) => c.audit.verify({}), unlocked: ADMIN, locked: LOCKED },
  'Daemon/Shutdown': { call: (c) => c.daemon.shutdown({}), unlocked: OWNER, locked: LOCKED_OWNER },
};

/** Allowed when it tells of a session, or still says nothing after a while because there is none to tell of. */
async function watched(client: BrokerClient): Promise<void> {
  try {
    for await (const session of client.sessions.watch({}, { timeoutMs: 2_000 })) {
      assert.ok(session.id);
      break;
    }
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'upstream_timeout') throw error;
  }
}

/** Allowed when it answers; leaving ends what was made. */
async function held(client: BrokerClient): Promise<void> {
  const grants = [{ services: 'mine', actions: ['open'] }];
  for await (const { text } of client.tokens.hold({ name: 'held', scope: 'proxy', grants, ttl: fromMillis(60_000) })) {
    assert.match(text, /^brk_/);
    break;
  }
}

/** A client that says goodbye at once: whoever is let in has its session ended for that. */
function connected(client: BrokerClient): Promise<void> {
  const stream = client.sessions.connect();
  return failed(stream, () => stream.end({ start: { service: 'mine' } }));
}

function executed(client: BrokerClient): Promise<void> {
  const stream = client.ssh.exec();
  return failed(stream, () => stream.end({ start: { service: 'mine', argv: ['id'] } }));
}

function requested(client: BrokerClient): Promise<void> {
  const stream = client.http.request();
  const start = { service: 'mine', method: 'GET', path: '/', headers: [], hasBody: false };
  return failed(stream, () => stream.end({ start }));
}

async function failed(stream: EventEmitter & { resume(): unknown }, begin: () => void): Promise<void> {
  const over = new Promise<StatusObject>((resolve) => stream.once('status', resolve));
  stream.on('error', () => undefined);
  stream.resume();
  begin();
  const status = await over;
  throw fromServiceError(Object.assign(new Error(status.details), status), 'the daemon');
}
