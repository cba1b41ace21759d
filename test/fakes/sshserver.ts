import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import type ssh2 from 'ssh2';
import { identityOf } from '../../src/drivers/ssh/identity.ts';
import { FakeServer } from './listener.ts';

const library: typeof ssh2 = createRequire(import.meta.url)('ssh2');

/**
 * An SSH server that takes one password and runs one command, `echo`: every line that comes is echoed; after `FINISH` it
 * says its last words and closes the connection. It connects to wherever it is asked to.
 */
export class SshServer extends FakeServer {
  readonly user = 'app';
  /** The key that a service pins. `downgrade` shows another. */
  readonly identity = identityOf(Buffer.alloc(32, 1));
  readonly #impostor = identityOf(Buffer.alloc(32, 2));

  static async start(password: string): Promise<SshServer> {
    return new SshServer(await FakeServer.listening({}), password);
  }

  protected override connection(socket: Socket): void {
    if (this.behaviour === 'silent') {
      socket.resume();
      return;
    }
    const { privateKey } = this.behaviour === 'downgrade' ? this.#impostor : this.identity;
    const server = new library.Server({ hostKeys: [privateKey] }, (client) => this.#client(client, socket));
    server.injectSocket(socket);
  }

  #client(client: ssh2.Connection, socket: Socket): void {
    client.on('error', () => socket.destroy());
    client.on('authentication', (context) => {
      if (context.method !== 'password') return context.reject(['password']);
      this.received = Buffer.concat([this.received, Buffer.from(context.password)]);
      if (context.password === this.password) context.accept();
      else context.reject(['password']);
    });
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      const target = connect({ host: destIP, port: destPort, allowHalfOpen: true });
      target.once('error', () => reject());
      target.once('connect', () => {
        const channel = accept();
        target.on('error', () => channel.destroy()).on('close', () => channel.close());
        channel.on('error', () => target.destroy()).on('close', () => target.destroy());
        channel.pipe(target).pipe(channel);
      });
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec) => this.#echo(acceptExec(), client));
    });
  }

  #echo(channel: ssh2.ServerChannel, client: ssh2.Connection): void {
    let pending = '';
    channel.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        if (line === 'FINISH') channel.write('last words\n', () => client.end());
        else channel.write(`echo ${line}\n`);
      }
    });
    channel.on('end', () => {
      channel.exit(0);
      channel.end();
    });
  }
}
