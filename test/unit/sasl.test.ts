import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { BrokerError } from '../../src/core/errors.ts';
import { ScramClient, type ScramOptions, tlsServerEndPoint } from '../../src/core/sasl.ts';
import { saslprep } from '../../src/core/saslprep.ts';
import { Secret } from '../../src/core/secret.ts';

const never = new AbortController().signal;

function client(more: Partial<ScramOptions> = {}): ScramClient {
  return new ScramClient({
    hash: 'sha256',
    binding: { type: 'none' },
    user: 'user',
    password: Secret.fromText('pencil'),
    rawFallback: false,
    nonce: Buffer.from('rOprNGfwEbeRWgbNEkqO', 'base64'),
    ...more,
  });
}

test('computes the exchange of RFC 7677 §3', async () => {
  const scram = client();
  assert.equal(scram.first(), 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
  const first = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
  assert.equal(
    await scram.final(first, never),
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  );
  scram.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test('computes the exchange of RFC 5802 §5 (SHA-1)', async () => {
  const scram = client({ hash: 'sha1', nonce: Buffer.from('fyko+d2lbbFgONRv9qkxdawL', 'base64') });
  assert.equal(scram.first(), 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL');
  const first = 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096';
  const final = await scram.final(first, never);
  assert.equal(final, 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=');
  scram.verify('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=');
});

test('says which channel it is bound to, and that it could have been', async () => {
  const data = Buffer.alloc(32, 1);
  const bound = client({ binding: { type: 'tls-server-end-point', data }, user: '' });
  assert.equal(bound.first(), 'p=tls-server-end-point,,n=,r=rOprNGfwEbeRWgbNEkqO');
  const final = await bound.final('r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1', never);
  const channel = Buffer.from(/^c=([^,]*)/.exec(final)?.[1] ?? '', 'base64');
  assert.deepEqual(channel, Buffer.concat([Buffer.from('p=tls-server-end-point,,'), data]));
  assert.match(client({ binding: { type: 'unoffered' } }).first(), /^y,,/);
});

test('escapes the two characters that a user name may not hold', () => {
  assert.match(client({ user: 'a=b,c' }).first(), /^n,,n=a=3Db=2Cc,r=/);
  assert.throws(() => client({ user: 'a\u0007b' }), { code: 'invalid_argument' });
});

test('a signature that is wrong, missing, short or early proves nothing', async () => {
  assert.throws(() => client().verify('v=AAAA'), { code: 'upstream_auth' });
  for (const last of ['v=', 'v=AAAA', `v=${Buffer.alloc(32).toString('base64')}`, '', 'x=1', 'e=invalid-proof']) {
    const scram = client();
    await scram.final('r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1', never);
    assert.throws(() => scram.verify(last), { code: 'upstream_auth' }, last);
  }
});

test('bounds what a server may ask for; the bound itself is accepted', async () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqO';
  for (const bad of [
    `r=${nonce}x,s=AAAA,i=2000001`,
    `r=${nonce}x,s=AAAA,i=99999999999999999999`,
    `r=${nonce}x,s=AAAA,i=-1`,
    `r=${nonce}x,s=AAAA,i=1e3`,
    `r=${nonce}x,s=AA,i=1`,
    `r=${nonce}x,s=,i=1`,
    `r=${nonce},s=AAAA,i=1`,
    `r=x${nonce},s=AAAA,i=1`,
    `r=${nonce}${'x'.repeat(1_025)},s=AAAA,i=1`,
    `r=${nonce}x,s=AAAA,i=1,${'x'.repeat(9_000)}`,
    `r=${nonce}\u0000,s=AAAA,i=1`,
    '',
  ]) {
    await assert.rejects(client().final(bad, never), { code: 'upstream_auth' }, bad.slice(0, 60));
  }
  const longest = `r=${nonce}${'x'.repeat(1_024 - nonce.length)},s=AAAA,i=1,ext=ignored`;
  assert.match(await client().final(longest, never), /,p=/);
});

test('the derivation leaves the event loop free, and an abort ends the wait for it', async () => {
  const stop = new AbortController();
  const proof = client().final('r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=2000000', stop.signal);
  setImmediate(() => stop.abort(new BrokerError('ended', 'enough')));
  await assert.rejects(proof, { code: 'ended' });
});

test('SASLprep maps, normalises and refuses as RFC 4013 §3 says', () => {
  for (const [given, expected] of [
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', undefined],
    ['\u0627\u0031', undefined],
    ['\u0627\u0031\u0628', '\u0627\u0031\u0628'],
    ['a\u00a0b\u3000', 'a b '],
    ['\u{1f600}', undefined], // added after Unicode 3.2
    ['\ue000', undefined],
    ['', ''],
  ] as const) {
    assert.equal(saslprep(given), expected, JSON.stringify(given));
  }
});

test('a password that SASLprep refuses is used as it is, or refused: the protocol’s choice', async () => {
  const first = 'r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1';
  for (const password of [Secret.fromText('\u{1f600}'), Secret.own(Buffer.from([0xff, 0xfe]))]) {
    assert.match(await client({ password, rawFallback: true }).final(first, never), /,p=/);
    await assert.rejects(client({ password, rawFallback: false }).final(first, never), { code: 'upstream_auth' });
  }
  const [composed, decomposed] = await Promise.all(
    ['p\u00e4ss', 'pa\u0308ss'].map((text) => client({ password: Secret.fromText(text) }).final(first, never)),
  );
  assert.equal(composed, decomposed);
});

/** Self-signed, made with openssl for this test; Ed25519 signatures have no hash of their own. */
const SHA384 = `-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIUZThwQzPxmrGynrQuSZE94nWQSykwCgYIKoZIzj0EAwMw
DDEKMAgGA1UEAwwBYTAgFw0yNjExMjIxODMwNDNaGA8yMTI2MTAyOTE4MzA0M1ow
DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCgCnhMxEEor
9MayaGrteXOmpNxq7eRyEXU3q5pJzrJSzdunM3dILGQlBoByLJeiaPWYFp9N5tut
wfcQbreQFHSjUzBRMB0GA1UdDgQWBBSJxCbgwquV7bwOEGPGJIvZdrX5rDAfBgNV
HSMEGDAWgBSJxCbgwquV7bwOEGPGJIvZdrX5rDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMDA0cAMEQCIC4brdj1492m2XSWIqM5W83H6ktVSFahbLcpD8j7Kl6F
AiAkaAG5eEWGdLrURO0NgR6Yk1RD5NTjjtEPvo0/YGbAow==
-----END CERTIFICATE-----
`;
const SHA1 = `-----BEGIN CERTIFICATE-----
MIIBbTCCARSgAwIBAgIUTLBka3oaL68bJXaZsjV8GAUVNyAwCQYHKoZIzj0EATAM
MQowCAYDVQQDDAFhMCAXDTI2MTEyMjE4MzA0M1oYDzIxMjYxMDI5MTgzMDQzWjAM
MQowCAYDVQQDDAFhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQoagvG9KGtiF
6K+9v9DIPDfyvacMe3j7tVvnj6N+1Ffh1lJ2EvbwCZbI9JhQWghW+Wru2PKxZJyQ
1LvkXtcrb6NTMFEwHQYDVR0OBBYEFHqGKYdBbbenfI8bTBbzTS9juIEtMB8GA1Ud
IwQYMBaAFHqGKYdBbbenfI8bTBbzTS9juIEtMA8GA1UdEwEB/wQFMAMBAf8wCQYH
KoZIzj0EAQNIADBFAiEAxRsGmQP7HpRkAXuVNQrQuIk6umbdvT0+T+wah44gfCMC
IDp1kgB80ixc0cSmk98P8nUCpuU2bbGWq6ti7ZReW8UA
-----END CERTIFICATE-----
`;
const PSS = `-----BEGIN CERTIFICATE-----
MIIDYzCCAhegAwIBAgIUcQKhSMEci5TSUeQ+Sjm3m4dSwaUwQQYJKoZIhvcNAQEK
MDSgDzANBglghkgBZQMEAgMFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgMF
AKIDAgEgMAwxCjAIBgNVBAMMAWEwIBcNMjYxMTIyMTgzMDQzWhgPMjEyNjEwMjkx
ODMwNDNaMAwxCjAIBgNVBAMMAWEwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK
AoIBAQC/UL/RlFNsj06lKhyx3KXAH0YlVTZCuueELui9gFcw0RTjq88zCw9aeJg7
Luxvln7mxrpoX/jXJ418+PLvCw/noQPdV/0RBNvoFbqV4gOuMOI8CNgi17WpHMjN
6+122Kqc41jzAVEgyde1n18C7kMK+IPkXD6UpPNZrk59tvFrw5je2nghkN20CKFG
mJCOGBNh1MXMMJZhStYUUogEzVNx3JsgSboaHrwRWo4rX4Y+K2hGc1+WpJHupXF1
StASmh6dW5hnuDk57l19vLzhkwv7fBda6sMc5BKCGInAr7lwqA/A3uFnqrVGqBxw
kyYukSkWaF724IMnMVjg0Z8hMTQLAgMBAAGjUzBRMB0GA1UdDgQWBBQxvE/D3OM/
GWlH3fzYrexpJgu+XjAfBgNVHSMEGDAWgBQxvE/D3OM/GWlH3fzYrexpJgu+XjAP
BgNVHRMBAf8EBTADAQH/MEEGCSqGSIb3DQEBCjA0oA8wDQYJYIZIAWUDBAIDBQCh
HDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAIDBQCiAwIBIAOCAQEAEp4l8SFur+xo
w8apwk3C0QZ+cNNCcbWIwGtlE1VuBz0p1b3gVArSmiz3ImbhWKd5qzWJdhub5EjG
W18tWxdomkP5y6KYs8z1wsaQEXC3ZFjnHMDCuwwqLTBZNO/ewwDAfS74dfWDuuTe
7lXoAR5Ch7QKYsF1fqHb9g3fZzqpM/k1Xz4J4aKXVKoNAZxbllUczpcL1zziO5gU
TIvhwtbc+D5dxpWce4DHpW3m0O24spBVTwgJQhG6Oi685qeN3+gnQOy/20ZnpWHi
mUOJTr/Hra05mQ0WRlDd9d2ev0HGz2gFLPajJ9tRLkelRfZDSJ9oOuqerCUVgyl4
GxO3fFCScQ==
-----END CERTIFICATE-----
`;
const ED25519 = `-----BEGIN CERTIFICATE-----
MIIBLjCB4aADAgECAhRgYDZlv0G0nMGVXZ6NBqb8erHjEDAFBgMrZXAwDDEKMAgG
A1UEAwwBYTAgFw0yNjExMjIxODMwNDNaGA8yMTI2MTAyOTE4MzA0M1owDDEKMAgG
A1UEAwwBYTAqMAUGAytlcAMhAPJ27HN2/JMuQlcCTiA9Wt6TFawkeC0NJRvhkJY5
CKhEo1MwUTAdBgNVHQ4EFgQUoi/P3+HJocNAOJ2HYy+XlKdsWfQwHwYDVR0jBBgw
FoAUoi/P3+HJocNAOJ2HYy+XlKdsWfQwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD
QQAK+Tqc8QH9LM3qtvAIF5yf+QKScaYLPgcQXZXS3vo6E5AwoQagQLH00HSsDGJo
mYWN8a6QPC8ZYSWCK9UMRagD
-----END CERTIFICATE-----
`;

test('binds to the certificate by the hash of its own signature, but never by SHA-1', () => {
  for (const [pem, hash] of [
    [SHA384, 'sha384'],
    [SHA1, 'sha256'],
    [PSS, 'sha512'],
  ] as const) {
    const der = new X509Certificate(pem).raw;
    const expected = createHash(hash).update(der).digest('hex');
    assert.equal(tlsServerEndPoint(der)?.toString('hex'), expected, hash);
  }
  assert.equal(tlsServerEndPoint(new X509Certificate(ED25519).raw), undefined);
});

test('no bytes make the certificate reader throw', () => {
  const der = new X509Certificate(PSS).raw;
  for (let cut = 0; cut < der.length; cut++) assert.equal(tlsServerEndPoint(der.subarray(0, cut)), undefined);
  for (let at = 0; at < der.length; at++) {
    const bent = Buffer.from(der);
    bent.writeUInt8(bent.readUInt8(at) ^ 0xff, at);
    tlsServerEndPoint(bent);
  }
});

test('shows no secret to whoever inspects it', async () => {
  const scram = client();
  await scram.final('r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1', never);
  assert.doesNotMatch(inspect(scram, { depth: 9, showHidden: true }), /pencil/);
});
