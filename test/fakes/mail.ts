import type { Socket } from 'node:net';
import { FakeServer } from './listener.ts';

/** What the fake mail servers have in common: lines, counters, and what the contract suite asks of a server. */
export abstract class MailServer extends FakeServer {
  readonly user = 'app';
  /** Lines that came behind a login. */
  readonly commands: string[] = [];

  /** What a server says first. */
  protected abstract greeting(): string;

  /**
   * Answers one line of a client before its login is complete.
   * @returns true once the client is logged in; its `line`s then go to `command`.
   */
  protected abstract login(say: (line: string) => void, line: string): boolean;

  /** Answers one line behind the login; `end` says the last words and half-closes. */
  protected abstract command(say: (line: string) => void, line: string, end: (line: string) => void): void;

  protected override connection(socket: Socket): void {
    socket.on('end', () => socket.end());
    const say = (line: string): void => void (socket.writable && socket.write(`${line}\r\n`));
    const end = (line: string): void => void socket.end(line === '' ? '' : `${line}\r\n`);
    let loggedIn = false;
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      if (!loggedIn) this.received = Buffer.concat([this.received, chunk]);
      if (this.behaviour === 'silent') return;
      pending += chunk.toString('latin1');
      for (let at = pending.indexOf('\n'); at >= 0; at = pending.indexOf('\n')) {
        const line = pending.slice(0, at).replace(/\r$/, '');
        pending = pending.slice(at + 1);
        if (loggedIn) {
          this.commands.push(line);
          this.command(say, line, end);
        } else loggedIn = this.login(say, line);
      }
      this.changed();
    });
    if (this.behaviour !== 'silent') say(this.greeting());
  }
}
