import type { Caller } from '../../../src/daemon/caller.ts';

export const HOUR = 3_600_000;
type Token = NonNullable<Caller['token']>;

/** A caller with a proxy token, as uid 1000 on the unix socket. */
export function proxyCaller(token: Partial<Token> = {}): Caller {
  const signal = new AbortController().signal;
  return {
    token: {
      id: 'aaaaaaaaaa',
      name: 'agent',
      scope: 'proxy',
      grants: [],
      ancestors: [],
      expiresAt: undefined,
      signal,
      ...token,
    },
    transport: 'unix',
    peer: { uid: 1000, pid: 4711, executable: '/usr/bin/agent' },
    origin: 'uid:1000',
  };
}

export function adminCaller(token: Partial<Token> = {}): Caller {
  return proxyCaller({ id: 'bbbbbbbbbb', name: 'root', scope: 'admin', ...token });
}
