import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { BrokerError } from '../../../src/core/errors.ts';
import { issuerFetch } from '../../support/issuer.ts';

test('an issuer that resets the connection as soon as it is there is an error, at whatever moment', async (t) => {
  let late = 0;
  const server = createServer((socket) => {
    const reset = (): void => void socket.resetAndDestroy();
    if (late % 3 === 0) reset();
    else if (late % 3 === 1) setImmediate(reset);
    else setTimeout(reset, 1);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (; late < 12; late++) {
    await assert.rejects(
      issuerFetch(`http://127.0.0.1:${port}/token`, { method: 'POST', headers: {}, body: 'a=b' }),
      (error) => {
        return error instanceof BrokerError && /^upstream_/.test(error.code);
      },
    );
  }
});

test('an issuer that speaks plain HTTP on an https port is told as such, and no CA is asked for', async (t) => {
  const server = createHttp((_request, response) => void response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(
    issuerFetch(`https://127.0.0.1:${port}/token`, { method: 'POST', headers: {}, body: 'a=b' }),
    (error) =>
      error instanceof BrokerError &&
      error.code === 'upstream_tls' &&
      error.message === `the OAuth2 issuer at 127.0.0.1:${port}: the server does not speak TLS on this port` &&
      /plain HTTP/.test(error.hint ?? ''),
  );
});
