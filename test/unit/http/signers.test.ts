import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { jwtVerify } from 'jose';
import { BrokerError } from '../../../src/core/errors.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { HttpConfig } from '../../../src/http/config.ts';
import type { HttpKind, InjectIo, Injection } from '../../../src/http/kind.ts';
import { awsSigV4 } from '../../../src/http/kinds/aws_sigv4.ts';
import { jwt } from '../../../src/http/kinds/jwt.ts';

/* Kinds that sign, held against libraries that check or sign the same by themselves. */

const BASE = 'https://api.example.com';
const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);

function io(over: Partial<InjectIo> = {}): InjectIo {
  const accessToken = () => Promise.reject(new Error('not wanted'));
  return { now: () => NOW, random: (bytes) => Buffer.alloc(bytes), accessToken, fresh: false, ...over };
}

function configOf<C extends HttpConfig>(kind: HttpKind<C>, fields: JsonObject, secrets: Record<string, string>): C {
  const given = new Map(Object.entries(secrets).map(([name, text]) => [name, Secret.fromText(text)]));
  kind.config.validate({ base_url: BASE, ...fields }, [...given.keys()], Object.fromEntries(given));
  return kind.config.parse({ base_url: BASE, ...fields }, given);
}

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly origin?: string;
}

async function inject<C extends HttpConfig>(kind: HttpKind<C>, config: C, sent: Sent, over = {}): Promise<Injection> {
  const { method = 'GET', path, headers = [], body = '', origin = BASE } = sent;
  const request = { method, origin, path, headers, body: async () => Buffer.from(body) };
  return await kind.inject(config, io(over), request, AbortSignal.timeout(1_000));
}

function headerOf({ headers }: Injection, name: string): string | undefined {
  const at = headers.findIndex((field, index) => index % 2 === 0 && field.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

const AWS_KEY = { secret_access_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const aws = (fields: JsonObject = {}, secrets = {}) =>
  configOf(
    awsSigV4,
    { access_key_id: 'AKIDEXAMPLE', region: 'us-east-1', service: 'service', ...fields },
    { ...AWS_KEY, ...secrets },
  );
const signature = (injection: Injection) => /Signature=(\w+)$/.exec(headerOf(injection, 'authorization') ?? '')?.[1];

test('signs as the test suite of AWS says', async () => {
  // aws-sig-v4-test-suite: get-vanilla, get-vanilla-query-order-key-case, post-vanilla, get-utf8, get-space.
  const vectors: [Sent, string][] = [
    [{ path: '/' }, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [{ path: '/?Param2=value2&Param1=value1' }, 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
    [{ path: '/', method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [{ path: '/\u1234' }, '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
  ];
  for (const [sent, expected] of vectors) {
    const injection = await inject(awsSigV4, aws(), { ...sent, origin: 'https://example.amazonaws.com' });
    assert.equal(signature(injection), expected, `${sent.method ?? 'GET'} ${sent.path}`);
  }
});

/** Node's own hashes in the shape that the library asks for. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = secret instanceof ArrayBuffer ? Buffer.from(secret) : secret;
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key as string);
  }

  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {}
}

test('signs as the library of AWS does, whatever path, query, headers and body', async () => {
  const requests: (Sent & { service: string; region: string; query: Record<string, string> })[] = [
    {
      service: 's3',
      region: 'eu-central-1',
      path: '/bucket/a%20b/c%2Bd/(e)//f',
      query: { acl: '', prefix: 'x/y z', 'a+b': '~*' },
    },
    {
      service: 'dynamodb',
      region: 'us-west-2',
      method: 'POST',
      path: '/',
      query: {},
      body: '{"TableName":"t"}',
      headers: ['Content-Type', 'application/x-amz-json-1.0', 'X-Amz-Target', 'DynamoDB_20120810.ListTables'],
    },
    {
      service: 'execute-api',
      region: 'us-east-1',
      method: 'PUT',
      path: '/stage/a%20b/%C3%A4',
      query: { b: '2', a: '1' },
      body: 'text',
      headers: ['x-amz-meta-note', '  two   words ', 'Accept', '*/*'],
    },
    { service: 'lambda', region: 'us-east-1', path: '/2015-03-31/functions/arn%3Aaws%3Alambda/invocations', query: {} },
  ];
  for (const { service, region, query, method = 'GET', path, headers = [], body = '' } of requests) {
    const config = aws({ service, region, payload: 'signed' }, { session_token: 'session-canary' });
    const raw = Object.entries(query).map(
      ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    );
    const target = raw.length > 0 ? `${path}?${raw.join('&')}` : path;
    const injection = await inject(awsSigV4, config, { method, path: target, headers, body });
    const signer = new SignatureV4({
      service,
      region,
      sha256: Sha256,
      uriEscapePath: service !== 's3',
      applyChecksum: service === 's3',
      credentials: {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: AWS_KEY.secret_access_key,
        sessionToken: 'session-canary',
      },
    });
    const flat = [...Array(headers.length / 2).keys()].map((at) => [headers[2 * at] ?? '', headers[2 * at + 1] ?? '']);
    const theirs = await signer.sign(
      {
        method,
        protocol: 'https:',
        hostname: 'api.example.com',
        // S3 is signed over the path in its one canonical spelling.
        path: service === 's3' ? path.replace('(e)', '%28e%29') : path,
        query,
        headers: { host: 'api.example.com', ...Object.fromEntries(flat) },
        body,
      },
      { signingDate: new Date(NOW), unsignableHeaders: new Set(['accept']) },
    );
    assert.equal(headerOf(injection, 'authorization'), theirs.headers.authorization, service);
    assert.equal(headerOf(injection, 'x-amz-security-token'), 'session-canary');
  }
});

test('what the client signed with is gone: presigned parameters, dates, hashes', async () => {
  const path =
    '/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=1&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=00&x-id=GetObject&acl';
  const headers = ['x-amz-date', '20000101T000000Z', 'x-amz-content-sha256', 'abc', 'x-amz-acl', 'private'];
  const injection = await inject(awsSigV4, aws({ service: 's3' }), { path, headers });
  assert.equal(injection.path, '/b/k?acl=&x-id=GetObject');
  assert.equal(headerOf(injection, 'x-amz-date'), '20150830T123600Z');
  assert.equal(headerOf(injection, 'x-amz-content-sha256'), 'UNSIGNED-PAYLOAD');
  assert.match(
    headerOf(injection, 'authorization') ?? '',
    /SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date,/,
  );
});

test('an s3 body is signed where the way is plain or it is asked for, and chunks of another key are refused', async () => {
  const hash = createHash('sha256').update('body').digest('hex');
  const plain = { path: '/b/k', method: 'PUT', body: 'body', origin: 'http://127.0.0.1:9000' };
  const hashOf = async (config: ReturnType<typeof aws>, sent: Sent) =>
    headerOf(await inject(awsSigV4, config, sent), 'x-amz-content-sha256');
  assert.equal(await hashOf(aws({ service: 's3' }), plain), hash);
  assert.equal(await hashOf(aws({ service: 's3', payload: 'signed' }), { ...plain, origin: BASE }), hash);
  const chunked = (mode: string) => ({ ...plain, headers: ['X-Amz-Content-Sha256', mode] });
  assert.equal(
    await hashOf(aws({ service: 's3' }), chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER')),
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  );
  await assert.rejects(
    hashOf(aws({ service: 's3' }), chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')),
    (error) => error instanceof BrokerError && error.code === 'invalid_argument',
  );
  await assert.rejects(
    hashOf(aws({ service: 's3' }), { path: '/%E1%zz' }),
    (error) => error instanceof BrokerError && error.code === 'invalid_argument',
  );
});

test('tokens are signed with ES256 and RS256 as verifiers want them, and used until they are about to end', async () => {
  const pairs = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  };
  for (const algorithm of ['ES256', 'RS256'] as const) {
    const { privateKey, publicKey } = pairs[algorithm];
    const type = algorithm === 'RS256' ? 'pkcs1' : 'sec1';
    for (const pem of [
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
      privateKey.export({ type: type as 'pkcs1', format: 'pem' }),
    ]) {
      const config = configOf(
        jwt,
        {
          algorithm,
          key_id: 'K1',
          issuer: 'iss-1',
          audience: 'appstoreconnect-v1',
          claims: ['scope=["GET /v1"]', 'bid=com.x'],
        },
        { private_key: pem.toString() },
      );
      const value = headerOf(await inject(jwt, config, { path: '/' }), 'authorization') ?? '';
      const { payload, protectedHeader } = await jwtVerify(value.replace(/^Bearer /, ''), publicKey, {
        issuer: 'iss-1',
        audience: 'appstoreconnect-v1',
        currentDate: new Date(NOW),
      });
      assert.deepEqual(protectedHeader, { alg: algorithm, typ: 'JWT', kid: 'K1' });
      assert.deepEqual([payload.iat, payload.exp], [NOW / 1000, NOW / 1000 + 1_200]);
      assert.deepEqual([payload.scope, payload.bid], [['GET /v1'], 'com.x']);
      const later = async (ms: number, fresh = false) =>
        headerOf(await inject(jwt, config, { path: '/' }, { now: () => NOW + ms, fresh }), 'authorization');
      assert.equal(await later(1_139_000), value);
      const second = await later(1_140_000);
      assert.notEqual(second, value);
      assert.equal(await later(1_141_000), second);
      assert.notEqual(await later(1_141_000, true), second);
    }
  }
});

test('a key that cannot sign is refused when it is stored, and not quoted', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const said = (fields: JsonObject, key: string): string => {
    try {
      configOf(jwt, fields, { private_key: key });
    } catch (error) {
      if (error instanceof BrokerError) return error.message;
    }
    return '';
  };
  assert.equal(said({}, 'canary'), 'private_key is not a private key in PEM form');
  assert.equal(said({}, p384.toString()), 'private_key is no P-256 key, which ES256 needs');
  assert.equal(said({ algorithm: 'RS256' }, p384.toString()), 'private_key is no RSA key, which RS256 needs');
  assert.match(said({ claims: ['exp=1'] }, p384.toString()), /claims must not set exp/);
});
