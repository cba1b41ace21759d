import type { TestContext } from 'node:test';
import { Callers } from '../../../../src/daemon/http/caller.ts';
import { Dispatch } from '../../../../src/daemon/http/dispatch.ts';
import { HttpListener, type HttpListenerOptions } from '../../../../src/daemon/http/listener.ts';
import { type Route, Routes } from '../../../../src/daemon/http/routes.ts';
import type { Log } from '../../../../src/daemon/log.ts';
import { createPeerLookup } from '../../../../src/daemon/peer/lookup.ts';
import { PROXY, plain, type Scene, scene } from '../tokenscene.ts';

export interface Stage extends Scene {
  readonly listener: HttpListener;
  readonly port: number;
  readonly url: string;
  /** The text of a proxy token. */
  readonly token: string;
  /** What went on record: route and message. */
  readonly refused: string[];
  readonly logged: string[];
}

/** A listener on a free port with these routes, before the tokens of a new vault. */
export async function stage(
  t: TestContext,
  routes: readonly Route[],
  limits?: HttpListenerOptions['limits'],
): Promise<Stage> {
  const behind = await scene(t);
  const table = new Routes();
  for (const route of routes) table.add(route);
  const refused: string[] = [];
  const logged: string[] = [];
  const { vault, tokens, clock } = behind;
  const requests = new Dispatch({
    routes: table,
    log: logTo(logged),
    callers: new Callers({ tokens, vaultState: () => vault.state, now: () => clock.now() }),
    refused: async (caller, route, { message }) => void refused.push(`${route} ${caller.origin}: ${message}`),
  });
  const bind = { setting: 'http', host: '127.0.0.1', port: 0 } as const;
  const listener = await HttpListener.start({
    bind,
    peers: await createPeerLookup(),
    requests,
    ...(limits && { limits }),
  });
  t.after(() => listener[Symbol.asyncDispose]());
  const port = listener.port ?? 0;
  const { token } = await tokens.create(PROXY);
  return { ...behind, listener, port, url: `http://127.0.0.1:${port}`, token: plain(token), refused, logged };
}

function logTo(lines: string[]): Log {
  const line = (message: string, fields = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { debug: line, info: line, warn: line, error: line };
}
