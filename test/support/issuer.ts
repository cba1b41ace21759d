import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { dial } from '../../src/core/dial.ts';
import { BrokerError } from '../../src/core/errors.ts';
import type { OAuthSettings } from '../../src/core/oauth.ts';
import { Secret } from '../../src/core/secret.ts';
import { endpointFetch } from '../../src/http/endpoint.ts';
import { TokenSource } from '../../src/http/oauth.ts';

export const never = new AbortController().signal;
export const CACHED = { fresh: false };

/** A token endpoint that answers each form with what `answer` says; undefined leaves the answer to it. */
export async function issuer(
  answer: (form: URLSearchParams, response: ServerResponse, count: number) => unknown,
  tls?: { readonly cert: string; readonly key: string },
) {
  const forms: URLSearchParams[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const form = new URLSearchParams(body);
      forms.push(form);
      const said = answer(form, response, forms.length);
      if (said !== undefined) response.end(JSON.stringify(said));
    });
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  return {
    url: `http${tls ? 's' : ''}://127.0.0.1:${address.port}/token`,
    forms,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Settings of an application at the endpoint. */
export function refresh(
  tokenUrl: string,
  refreshToken = 'refresh-canary',
  over: { clientAuth?: 'basic' } = {},
): OAuthSettings {
  return {
    type: 'refresh_token',
    tokenUrl,
    clientId: 'broker',
    clientSecret: Secret.fromText('client-canary'),
    clientAuth: 'post',
    refreshToken: Secret.fromText(refreshToken),
    scope: 'mail',
    ca: undefined,
    ...over,
  };
}

/** The way to an issuer on this machine; port 1 stands for what may not be dialled. */
export const issuerFetch = endpointFetch((target, signal) =>
  dial(
    target,
    (_address, port) =>
      port === 1 ? new BrokerError('denied', 'that port is not dialled', { hop: 'tcp' }) : undefined,
    () => undefined,
    signal,
  ),
);

export function source(over: Partial<ConstructorParameters<typeof TokenSource>[0]> = {}): TokenSource {
  return new TokenSource({ fetch: issuerFetch, now: Date.now, rotated: async () => undefined, ...over });
}

export const text = (secret: Secret): string => secret.use((bytes) => bytes.toString());

export async function failure(work: Promise<unknown>): Promise<BrokerError> {
  const error = await work.catch((thrown: unknown) => thrown);
  assert(error instanceof BrokerError, String(error));
  return error;
}
