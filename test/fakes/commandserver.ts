import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type ssh2 from 'ssh2';
import { identityOf } from '../../src/drivers/ssh/identity.ts';
import { FakeServer } from './listener.ts';

const library: typeof ssh2 = createRequire(import.meta.url)('ssh2');

/** What becomes of a command: it gets its channel, and ends it as it likes. */
export type Play = (channel: ssh2.ServerChannel, command: string, client: ssh2.Connection) => void;

/** An SSH server that does with channels and commands what a real one would not. */
export class CommandServer extends FakeServer {
  readonly user = 'app';
  readonly identity = identityOf(Buffer.alloc(32, 3));
  /** Channels that were asked for. */
  opened = 0;
  /** Commands that arrived, in their order. */
  readonly commands: string[] = [];
  /** Signals that commands were sent. */
  readonly signals: string[] = [];
  /** Sizes of terminals, rows first. */
  readonly sizes: string[] = [];
  /** What happens to a channel that is asked for. */
  channel: 'opened' | 'refused' | 'unanswered' = 'opened';
  /** undefined: the command is refused. */
  play: Play | undefined = (channel) => {
    channel.exit(0);
    channel.end();
  };

  static async start(): Promise<CommandServer> {
    return new CommandServer(await FakeServer.listening({}), 'password');
  }

  protected override connection(socket: Socket): void {
    const server = new library.Server({ hostKeys: [this.identity.privateKey] }, (client) => {
      client.on('error', () => socket.destroy());
      client.on('authentication', (context) => context.accept());
      client.on('session', (accept, reject) => {
        this.opened++;
        this.changed();
        if (this.channel === 'refused') reject();
        if (this.channel === 'opened') this.#serve(accept(), client);
      });
    });
    server.injectSocket(socket);
  }

  #serve(session: ssh2.Session, client: ssh2.Connection): void {
    const sized = (accept: (() => void) | undefined, { rows, cols }: { rows: number; cols: number }): void => {
      this.sizes.push(`${rows}x${cols}`);
      accept?.();
      this.changed();
    };
    // EOF ends the input only; the library's server would hear nothing more.
    session.on('eof', () => Reflect.set(session, '_ending', false));
    session.on('pty', (accept, _reject, info) => sized(accept, info));
    session.on('window-change', (accept, _reject, info) => sized(accept, info));
    session.on('signal', (_accept, _reject, { name }) => {
      this.signals.push(name);
      this.changed();
    });
    session.on('exec', (accept, reject, { command }) => {
      this.commands.push(command);
      this.changed();
      if (this.play) this.play(accept(), command, client);
      else reject();
    });
  }
}
