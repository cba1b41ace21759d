import { MailServer } from './mail.ts';

/*
 * An IMAP server as far as a session needs one: AUTHENTICATE PLAIN, capabilities that change with the login, and a
 * command ECHO. Written from RFC 9051, not from the driver's own codec.
 */

const LOGGED_IN = 'IMAP4rev1 IDLE MOVE COMPRESS=DEFLATE';

export class ImapServer extends MailServer {
  static async start(password: string): Promise<ImapServer> {
    return new ImapServer(await MailServer.listening(), password);
  }

  get #offered(): string {
    const login = this.behaviour === 'downgrade' ? 'AUTH=LOGIN LOGINDISABLED' : 'AUTH=PLAIN';
    return `IMAP4rev1 ID SASL-IR ${login}`;
  }

  protected override greeting(): string {
    return `* OK [CAPABILITY ${this.#offered}] Fake ready.`;
  }

  protected override login(say: (line: string) => void, line: string): boolean {
    const [tag = '', command = '', mechanism = '', response = ''] = line.split(' ');
    if (command !== 'AUTHENTICATE' || mechanism !== 'PLAIN') {
      say(`${tag} BAD what?`);
      return false;
    }
    const right = Buffer.from(response, 'base64').toString() === `\0${this.user}\0${this.password}`;
    say(
      right
        ? `${tag} OK [CAPABILITY ${LOGGED_IN}] Logged in`
        : `${tag} NO [AUTHENTICATIONFAILED] Authentication failed.`,
    );
    return right;
  }

  protected override command(say: (line: string) => void, line: string, end: (line: string) => void): void {
    const [, tag = '', command = '', argument = ''] = /^(\S+) (\S+) ?(.*)$/.exec(line) ?? [];
    if (command === 'LOGOUT') end(`* BYE\r\n${tag} OK`);
    else if (command === 'FINISH') end(`* ECHO last words\r\n${tag} OK`);
    else say(`${command === 'ECHO' ? `* ECHO ${argument}\r\n` : ''}${tag} OK done`);
  }
}
