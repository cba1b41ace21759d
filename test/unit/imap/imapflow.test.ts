import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { ImapFlow } from 'imapflow';
import { imap } from '../../../src/drivers/imap/driver.ts';
import { testIo } from '../../support/io.ts';
import { type LineEnd, localConfig, ScriptedServer } from '../../support/mail.ts';

/*
 * Why login.ts does not log in with imapflow: each test shows what imapflow's login does, and what ours does instead. A
 * test that fails after an update of imapflow says that its reason is gone.
 */

const PASSWORD = 'hunter2-canary';

/** ECOSYSTEM 5.4: the login alone, without what imapflow says about itself. */
class AuthOnly extends ImapFlow {
  // @ts-expect-error startSession is internal to imapflow
  override async startSession(): Promise<void> {
    const self = this as unknown as { run(name: string): Promise<unknown>; authenticate(): Promise<unknown> };
    await self.run('CAPABILITY');
    await self.authenticate();
  }
}

function flow(port: number): AuthOnly {
  return new AuthOnly({
    host: '127.0.0.1',
    port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: 'alice', pass: PASSWORD },
    logger: false,
  });
}

async function serve(end: LineEnd, capabilities: string): Promise<void> {
  await end.say(`* OK [CAPABILITY ${capabilities}] hi`);
  for (;;) {
    const [tag, command] = (await end.line()).split(' ');
    if (command === 'CAPABILITY') await end.say(`* CAPABILITY ${capabilities}`);
    if (command === 'AUTHENTICATE') {
      await end.say('+ ');
      await end.line();
    }
    await end.say(`${tag} OK done`);
  }
}

test('imapflow has no SCRAM: it sends the password to a server that offers it beside PLAIN, or gives up', async () => {
  const mechanisms: string[] = [];
  await using server = await ScriptedServer.start(async (end) => {
    await end.say('* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN] hi');
    for (;;) {
      const [tag, command, mechanism = ''] = (await end.line()).split(' ');
      if (command === 'CAPABILITY') await end.say('* CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256 AUTH=PLAIN');
      if (command === 'AUTHENTICATE') mechanisms.push(mechanism);
      await end.say(command === 'AUTHENTICATE' ? `${tag} NO seen` : `${tag} OK done`);
    }
  });
  const client = flow(server.port);
  client.on('error', () => undefined);
  await assert.rejects(client.connect());
  client.close();
  const opening = imap.open(
    localConfig(imap.config, server.port, {}, PASSWORD),
    new Map(),
    testIo(),
    AbortSignal.timeout(20_000),
  );
  await assert.rejects(opening, { code: 'upstream_auth' });
  assert.deepEqual(mechanisms, ['PLAIN', 'SCRAM-SHA-256']);
});

test('imapflow keeps the password as a string as long as it lives; our connection does not have it', async () => {
  await using server = await ScriptedServer.start((end) => serve(end, 'IMAP4rev1 AUTH=PLAIN'));
  const client = flow(server.port);
  client.on('error', () => undefined);
  await client.connect();
  assert(inspect(client, { depth: 4 }).includes(PASSWORD));
  client.close();
  const config = localConfig(imap.config, server.port, {}, PASSWORD);
  await using upstream = await imap.open(config, new Map(), testIo(), AbortSignal.timeout(20_000));
  assert(!inspect(upstream, { depth: 8, showHidden: true }).includes(PASSWORD));
});
