import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { acceptTls } from '../../src/core/tls.ts';
import { LineEnd } from './mail.ts';
import { rig } from './rig.ts';

/** The rig's certificate for scripted servers: what they answer TLS with, and the CA and name that clients check. */
export async function tlsPair() {
  const { server, ca } = rig().tls;
  const context = createSecureContext({ cert: server.cert, key: server.key });
  return {
    ca: ca.cert,
    name: 'localhost',
    async accept(end: LineEnd): Promise<LineEnd> {
      const secure = await acceptTls(end.conn, context, AbortSignal.timeout(20_000));
      return new LineEnd(secure.detach().socket as Socket);
    },
  };
}
