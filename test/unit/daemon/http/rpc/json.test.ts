import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import protobuf from 'protobufjs';
import { BrokerError } from '../../../../../src/core/errors.ts';
import type { JsonValue } from '../../../../../src/core/json.ts';
import { descriptor } from '../../../../../src/core/proto/descriptor.ts';
import { type MessageSchema, type Node, Schema } from '../../../../../src/core/schema.ts';
import { parseMessage } from '../../../../../src/daemon/http/rpc/parse.ts';
import { renderMessage } from '../../../../../src/daemon/http/rpc/render.ts';

/* The proto3 JSON mapping. */

const schema = new Schema(descriptor as Node);
const root = protobuf.Root.fromJSON(descriptor as Node & protobuf.INamespace);
/** What proto-loader hands to a handler (`longs: String, enums: String, defaults, oneofs`), for a message that crossed the wire. */
const OPTIONS = { longs: String, enums: String, defaults: true, oneofs: true, arrays: true, objects: true };

function overTheWire(name: string, message: object): object {
  const type = root.lookupType(name);
  return type.toObject(type.decode(type.encode(type.fromObject(message)).finish()), OPTIONS);
}

const parse = (name: string, json: JsonValue): object => parseMessage(schema.message(name), json);
const render = (name: string, message: object): JsonValue => renderMessage(schema.message(name), { ...message });

test('a request that is left empty is what an empty message is to a handler, type by type', () => {
  const names = Object.keys(
    (descriptor as { nested: Record<string, { nested: Record<string, { nested: object }> }> }).nested.broker?.nested.v1
      ?.nested ?? {},
  );
  let messages = 0;
  for (const name of names) {
    let type: MessageSchema;
    try {
      type = schema.message(`broker.v1.${name}`);
    } catch {
      continue; // a service, or an enumeration
    }
    messages++;
    assert.deepEqual(parseMessage(type, {}), overTheWire(`broker.v1.${name}`, {}), name);
  }
  assert.ok(messages > 50);
});

test('a request with everything in it reaches a handler as over gRPC', () => {
  const json = {
    service: 'db',
    acceptTimeout: '1.500s',
    connections: 0,
    idle_timeout: '-0.000000001s',
    check: 'CLIENT_CHECK_TICKET',
    listen: 3,
    port: '5432',
    tls: true,
    clientEnvironment: { PGTZ: 'UTC', __proto__x: 'y' },
    reason: null,
  };
  const wire = {
    service: 'db',
    acceptTimeout: { seconds: 1, nanos: 500_000_000 },
    connections: 0,
    idleTimeout: { seconds: 0, nanos: -1 },
    check: 2,
    listen: 3,
    port: 5432,
    tls: true,
    clientEnvironment: { PGTZ: 'UTC', __proto__x: 'y' },
  };
  assert.deepEqual(parse('broker.v1.OpenSessionRequest', json), overTheWire('broker.v1.OpenSessionRequest', wire));
  const unlock = { password: Buffer.from('ä?>').toString('base64url') };
  assert.deepEqual(
    parse('broker.v1.UnlockVaultRequest', unlock),
    overTheWire('broker.v1.UnlockVaultRequest', { password: Buffer.from('ä?>') }),
  );
  const put = { config: { port: 1.5, list: ['a', null, { b: true }], none: null }, secrets: { password: 'YWJj' } };
  const fields = {
    port: { numberValue: 1.5 },
    list: {
      listValue: {
        values: [{ stringValue: 'a' }, { nullValue: 0 }, { structValue: { fields: { b: { boolValue: true } } } }],
      },
    },
    none: { nullValue: 0 },
  };
  const parsed = parse('broker.v1.PutServiceRequest', put) as { config: object; secrets: object };
  assert.deepEqual(render('google.protobuf.Struct', parsed.config), put.config);
  assert.deepEqual(render('google.protobuf.Struct', overTheWire('google.protobuf.Struct', { fields })), put.config);
  assert.deepEqual(parsed.secrets, { password: Buffer.from('abc') });
});

describe('refuses, naming the field and never its value', () => {
  const OPEN = 'broker.v1.OpenSessionRequest';
  const cases: readonly [string, JsonValue, RegExp][] = [
    [OPEN, [], /^the request must be a JSON object$/],
    [OPEN, { servce: 'canary' }, /^servce is not known \(did you mean service\?\)$/],
    [OPEN, { 'canary secret': 1 }, /^a field of the request is not known$/],
    [OPEN, { service: 1 }, /^service must be text$/],
    [OPEN, { tls: 'true' }, /^tls must be true or false$/],
    [OPEN, { port: -1 }, /^port must be a whole number from 0 to 4294967295$/],
    [OPEN, { port: 1.5 }, /^port must be a whole number/],
    [OPEN, { port: 4294967296 }, /^port must be a whole number/],
    [OPEN, { port: 'canary' }, /^port must be a whole number/],
    [OPEN, { check: 'CANARY' }, /^check must be one of CLIENT_CHECK_UNSPECIFIED, /],
    [OPEN, { check: 9 }, /^check must be one of/],
    [OPEN, { acceptTimeout: '1' }, /^acceptTimeout is not a google.protobuf.Duration$/],
    [OPEN, { acceptTimeout: '999999999999s' }, /^acceptTimeout is not/],
    [OPEN, { acceptTimeout: '1s', accept_timeout: '1s' }, /^accept_timeout is there twice$/],
    [OPEN, { clientEnvironment: [] }, /^clientEnvironment must be a JSON object$/],
    [OPEN, { clientEnvironment: { 'canary\u001b': null } }, /^clientEnvironment.\? must be text$/],
    [OPEN, { clientEnvironment: { a: null } }, /^clientEnvironment.a must be text$/],
    ['broker.v1.UnlockVaultRequest', { password: 'YQ==', key: 'YQ==' }, /^key and password exclude each other$/],
    ['broker.v1.UnlockVaultRequest', { password: 'canary!' }, /^password must be bytes in base64$/],
    ['broker.v1.UnlockVaultRequest', { password: 'a' }, /^password must be bytes in base64$/],
    ['broker.v1.QueryAuditRequest', { since: '2026-13-01T00:00:00Z' }, /^since is not a google.protobuf.Timestamp$/],
    ['broker.v1.QueryAuditRequest', { since: '2026-01-01' }, /^since is not/],
    ['broker.v1.QueryAuditRequest', { since: '0000-12-31T23:59:59Z' }, /^since is not/],
    ['broker.v1.QueryAuditRequest', { since: '9999-12-31T23:59:59-00:01' }, /^since is not/],
    ['broker.v1.PutServiceRequest', { config: 'x' }, /^config is not a google.protobuf.Struct$/],
    [
      'broker.v1.PutServiceRequest',
      { config: { a: JSON.parse(`${'['.repeat(900)}${']'.repeat(900)}`) } },
      /^config is not/,
    ],
    ['broker.v1.CreateTokenRequest', { grants: {} }, /^grants must be an array$/],
    [
      'broker.v1.CreateTokenRequest',
      { grants: [{ services: '*', actions: [1] }] },
      /^grants\[0\].actions\[0\] must be text$/,
    ],
  ];
  for (const [name, json, message] of cases)
    test(`${name} ${JSON.stringify(json).slice(0, 60)}`, () => {
      assert.throws(
        () => parse(name, json),
        (error) => {
          assert.ok(error instanceof BrokerError && error.code === 'invalid_argument');
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /canary/i);
          return true;
        },
      );
    });
});

test('times with and without a fraction, in any zone, come back as UTC', () => {
  const cases = {
    '2026-11-22T10:00:00Z': '2026-11-22T10:00:00Z',
    '2026-11-22T10:00:00.5Z': '2026-11-22T10:00:00.500Z',
    '2026-11-22T10:00:00.000001Z': '2026-11-22T10:00:00.000001Z',
    '2026-11-22T10:00:00.123456789+02:00': '2026-11-22T08:00:00.123456789Z',
    '1960-01-01T00:00:00.25Z': '1960-01-01T00:00:00.250Z',
    '0001-01-01T00:00:00Z': '0001-01-01T00:00:00Z',
  };
  for (const [text, canonical] of Object.entries(cases)) {
    const { since } = parse('broker.v1.QueryAuditRequest', { since: text }) as { since: object };
    assert.equal(render('google.protobuf.Timestamp', since), canonical, text);
  }
  for (const [text, canonical] of Object.entries({
    '1s': '1s',
    '1.5s': '1.500s',
    '-0.000000001s': '-0.000000001s',
    '-3s': '-3s',
    '0s': '0s',
  })) {
    const { ttl } = parse('broker.v1.CreateTokenRequest', { ttl: text }) as { ttl: object };
    assert.equal(render('google.protobuf.Duration', ttl), canonical, text);
  }
});

test('answers show what always has a value, and leave out what is not set', () => {
  assert.deepEqual(render('broker.v1.KeySlot', { index: 1, label: 'x' }), { index: 1, type: '', label: 'x' });
  assert.deepEqual(render('broker.v1.BackupChunk', { data: Buffer.from([255, 254]) }), { data: '//4=' });
  const record = render('broker.v1.AuditRecord', { seq: 5, uid: 0, bytesUp: '18446744073709551615', duration: null });
  const { seq, uid, bytesUp, bytesDown, line, ...rest } = record as Record<string, JsonValue>;
  assert.deepEqual(
    { seq, uid, bytesUp, bytesDown, line },
    { seq: '5', uid: 0, bytesUp: '18446744073709551615', bytesDown: '0', line: '' },
  );
  assert.ok(!('pid' in rest) && !('duration' in rest));
  assert.deepEqual(render('broker.v1.VaultStatus', { state: 'STATE_LOCKED' }), {
    state: 'STATE_LOCKED',
    version: '',
    pid: 0,
    generation: '0',
    slots: [],
    openSessions: 0,
    weaknesses: [],
    http: '',
  });
});
