import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Session, connect as http2Connect, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as netConnect } from 'node:net';
import { test } from 'node:test';
import { connect } from '../../../src/cli/connect.ts';
import { FLOW_WINDOW_BYTES } from '../../../src/core/rpc.ts';
import { TestDaemon } from '../../support/daemon.ts';

/** The answer to a ping comes behind whatever the other side has said of its windows. */
async function answered(session: Http2Session): Promise<void> {
  await new Promise<void>((resolve, reject) => void session.ping((error) => (error ? reject(error) : resolve())));
}

test('the daemon takes more of a call than HTTP/2 begins with, on the socket and on the port', async () => {
  await using daemon = await TestDaemon.start();
  for (const target of [{ path: daemon.instance.socket }, { host: '127.0.0.1', port: daemon.instance.port ?? 0 }]) {
    const session = http2Connect('http://localhost', { createConnection: () => netConnect(target) });
    try {
      await once(session, 'connect');
      await answered(session);
      assert.equal(session.remoteSettings.initialWindowSize, FLOW_WINDOW_BYTES);
      const { remoteWindowSize = 0 } = session.state;
      assert(remoteWindowSize >= FLOW_WINDOW_BYTES, `${remoteWindowSize} bytes of all calls`);
    } finally {
      session.destroy();
    }
  }
});

test('a client takes as much where it says so, and otherwise what HTTP/2 begins with', async () => {
  for (const receiveMuch of [true, false]) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    using client = connect({ address: `127.0.0.1:${port}`, receiveMuch });
    const call = client.vault.status({}).catch(() => undefined);
    const [session] = (await once(server, 'session')) as [ServerHttp2Session];
    try {
      await answered(session);
      assert.equal(session.remoteSettings.initialWindowSize, receiveMuch ? FLOW_WINDOW_BYTES : 65_535);
    } finally {
      session.destroy();
      // Else the client would try again, and be let in.
      server.close();
    }
    await call;
  }
});
