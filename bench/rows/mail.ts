import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import nodemailer from 'nodemailer';
import { median, type Row, ratioOf, rounds, timed } from '../measure.ts';
import { barePipe } from '../peers/peers.ts';
import type { Stage } from '../stage.ts';

const MESSAGES = 100;
const MESSAGE_BYTES = 200_000;
const MAILS = 30;

interface Route {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** IMAP fetch and SMTP send, directly and through broker, both in the clear on this machine. */
export async function mailRows(stage: Stage, count: number): Promise<Row[]> {
  const { dovecot, postfix } = stage.facts;
  const imapLogin = dovecot.logins.alice;
  const smtpLogin = postfix.logins.bob;
  await stage.put(
    'bench-imap',
    'imap',
    { host: dovecot.host, port: dovecot.port, tls: 'none', user: imapLogin.user },
    { password: imapLogin.password },
  );
  await stage.put(
    'bench-smtp',
    'smtp',
    { host: postfix.host, port: postfix.plainPort, tls: 'none', user: smtpLogin.user },
    { password: smtpLogin.password },
  );
  const open = async (service: string): Promise<Route> => {
    const acceptTimeout = { seconds: '300' };
    const { port } = await stage.client.sessions.open({ service, connections: 0, acceptTimeout });
    return { port, user: 'any', password: 'any' };
  };
  const mailbox: Record<Way, Route> = {
    direct: { port: dovecot.port, ...imapLogin },
    pipe: { port: (await barePipe(stage, dovecot.port)).port, ...imapLogin },
    broker: await open('bench-imap'),
  };
  const sender: Record<Way, Route> = {
    direct: { port: postfix.plainPort, ...smtpLogin },
    pipe: { port: (await barePipe(stage, postfix.plainPort)).port, ...smtpLogin },
    broker: await open('bench-smtp'),
  };
  await fill(mailbox.direct);
  const fetches = await everyWay(count, mailbox, fetchAll);
  const sends = await everyWay(count, sender, sendAll);
  return [
    ...pair(`IMAP fetch of ${MESSAGES} mails of 200 KB`, fetches),
    ...pair(`SMTP, ${MAILS} mails of 200 KB on one connection`, sends),
  ];
}

type Way = 'direct' | 'pipe' | 'broker';

function everyWay(
  count: number,
  routes: Record<Way, Route>,
  work: (route: Route) => Promise<number>,
): Promise<Record<Way, number[]>> {
  const { direct, pipe, broker } = routes;
  return rounds(count, {
    direct: () => work(direct),
    pipe: () => work(pipe),
    broker: () => work(broker),
  });
}

function pair(what: string, times: Record<Way, readonly number[]>): Row[] {
  const direct = ratioOf(times.direct, times.broker);
  const piped = ratioOf(times.pipe, times.broker);
  const detail = Object.entries(times)
    .map(([name, values]) => `${name} ${median(values).toFixed(0)} ms`)
    .join('; ');
  return [
    { what, versus: 'bare pipe', ratio: piped, target: '>= 0.95', met: piped >= 0.95, detail },
    { what, versus: 'direct', ratio: direct, target: '>= 0.8', met: direct >= 0.8, detail: '' },
  ];
}

/** A connection that is logged in; commands are awaited by their tags. */
async function enter({ port, user, password }: Route): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await ask(socket, '', '* OK');
  await ask(socket, `a LOGIN ${user} ${password}\r\n`, 'a OK');
  return socket;
}

/** Sends, and reads until a line begins with `answer`; what is read is not kept. */
async function ask(socket: Socket, bytes: string | Buffer, answer: string): Promise<void> {
  if (bytes.length > 0) socket.write(bytes);
  let tail = '\n';
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    tail = `${tail}${chunk.toString('latin1', Math.max(0, chunk.length - 1_000))}`.slice(-1_000);
    if (tail.includes(`\n${answer}`) || (answer === '* OK' && tail.includes(answer))) return;
    if (/\n\w+ (NO|BAD) .*\r\n$/.test(tail)) throw new Error(tail.split('\n').at(-2));
  }
}

async function fill(route: Route): Promise<void> {
  const socket = await enter(route);
  await ask(socket, 'b CREATE Bench\r\n', 'b OK');
  const line = `${'x'.repeat(70)}\r\n`;
  const mail = `Subject: bench\r\n\r\n${line.repeat(Math.ceil(MESSAGE_BYTES / line.length))}`;
  for (let i = 0; i < MESSAGES; i++) {
    await ask(socket, `c APPEND Bench {${mail.length}}\r\n`, '+ ');
    await ask(socket, `${mail}\r\n`, 'c OK');
  }
  socket.destroy();
}

/** Milliseconds of the fetch alone: a session's own login with the server is not the relay's affair. */
async function fetchAll(route: Route): Promise<number> {
  const socket = await enter(route);
  await ask(socket, 'b EXAMINE Bench\r\n', 'b OK');
  const took = await timed(() => ask(socket, 'c FETCH 1:* BODY.PEEK[]\r\n', 'c OK'));
  socket.destroy();
  return took;
}

async function sendAll({ port, user, password }: Route): Promise<number> {
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: 1,
    auth: { user, pass: password },
  });
  const text = `${'x'.repeat(70)}\n`.repeat(Math.ceil(MESSAGE_BYTES / 71));
  const mail = { from: 'bob@example.test', to: 'alice@example.test', subject: 'bench', text };
  const took = await timed(async () => {
    await Promise.all(Array.from({ length: MAILS }, () => transport.sendMail(mail)));
  });
  transport.close();
  return took;
}
