import { MailServer } from './mail.ts';

/*
 * An SMTP server as far as a session needs one: EHLO, AUTH PLAIN with an initial response, and a command XECHO. Written
 * from RFC 5321 and RFC 4954, not from the driver's own codec.
 */

export class SmtpServer extends MailServer {
  static async start(password: string): Promise<SmtpServer> {
    return new SmtpServer(await MailServer.listening(), password);
  }

  protected override greeting(): string {
    return '220 fake.test ESMTP';
  }

  protected override login(say: (line: string) => void, line: string): boolean {
    const [command = '', mechanism = '', response = ''] = line.split(' ');
    if (command === 'EHLO') {
      say(`250-fake.test\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250 AUTH ${this.#mechanisms}`);
      return false;
    }
    const right = Buffer.from(response, 'base64').toString() === `\0${this.user}\0${this.password}`;
    const known = command === 'AUTH' && mechanism === 'PLAIN';
    if (!known) say('503 5.5.1 what?');
    else say(right ? '235 2.7.0 in' : '535 5.7.8 Authentication failed');
    return known && right;
  }

  get #mechanisms(): string {
    return this.behaviour === 'downgrade' ? 'LOGIN' : 'PLAIN LOGIN';
  }

  protected override command(say: (line: string) => void, line: string, end: (line: string) => void): void {
    const [, command = '', argument = ''] = /^(\S+) ?(.*)$/.exec(line) ?? [];
    if (command === 'QUIT') end('221 bye');
    else if (command === 'FINISH') end('250 last words');
    else if (command === 'EHLO')
      say(`250-fake.test\r\n250-SIZE 1000\r\n250-PIPELINING\r\n250 AUTH ${this.#mechanisms}`);
    else say(`250 ${argument}`);
  }
}
