import type { ServerResponse } from 'node:http';
import { HTTP_STATUS, toBrokerError } from '../../core/errors.ts';
import type { Daemon } from '../daemon.ts';
import { CALLBACK_PATHS } from '../logins.ts';
import type { Route } from './routes.ts';

/** Characters of the query of a callback: a code and a state are a few hundred. */
const MAX_QUERY = 8_192;

/**
 * Where an issuer sends the browser back to. Anybody may come: what counts is the state, which is good once. Nothing that
 * came with the request stands on the page.
 */
export function callbackRoutes(daemon: Pick<Daemon, 'logins'>): Route[] {
  return CALLBACK_PATHS.map((path) => ({
    path,
    auth: 'open',
    methods: ['GET'],
    handle: async (_request, response, caller, rest) => {
      if (rest.length > MAX_QUERY) {
        page(response, 400, 'That was too long.');
        return;
      }
      try {
        await daemon.logins.callback(caller, new URLSearchParams(rest));
        page(response, 200, 'Logged in. This window can be closed.');
      } catch (error) {
        const { code } = toBrokerError(error);
        // Why is told to whoever began the login: this page may be anybody's.
        page(response, HTTP_STATUS[code], 'The login failed. The terminal in which it was begun says why.');
      }
    },
  }));
}

function page(response: ServerResponse, status: number, sentence: string): void {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>broker</title><p>${sentence}</p></html>\n`;
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  response.end(body);
}
