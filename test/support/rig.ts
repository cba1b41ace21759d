import { sign } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RigFacts } from '../rig/facts.ts';
import type { RigFile } from '../rig/rig.ts';
import { SERVER_NAMES, TOKEN_ISSUER } from '../rig/table.ts';

let read: RigFacts | undefined;

/**
 * Addresses, logins and certificates of the real servers that `npm test` started, or `npm run rig -- start`.
 * @throws Error that says how to start them if there are none.
 */
export function rig(): RigFacts {
  read ??= load();
  return read;
}

function load(): RigFacts {
  const file = process.env.BROKER_RIG ?? resolve(import.meta.dirname, '../../.rig/rig.json');
  if (!existsSync(file)) {
    throw new Error(
      'no servers to test against: run this through `npm test`, or start them with `npm run rig -- start`',
    );
  }
  const { facts }: RigFile = JSON.parse(readFileSync(file, 'utf8'));
  for (const name of SERVER_NAMES.filter((name) => !Object.hasOwn(facts, name))) {
    Object.defineProperty(facts, name, {
      get: () => {
        throw new Error(`the rig was started without ${name}; npm run rig -- stop, then start it with ${name}`);
      },
    });
  }
  return facts;
}

/**
 * An OAuth2 access token for XOAUTH2 and OAUTHBEARER that the rig's Dovecot accepts (RS256, RFC 7519).
 * @param options.expiresInSeconds negative for one that has expired.
 */
export function mailToken(user: string, options: { expiresInSeconds?: number; issuer?: string } = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    sub: user,
    email: user,
    iss: options.issuer ?? TOKEN_ISSUER,
    iat: now - 60,
    exp: now + (options.expiresInSeconds ?? 3600),
  };
  const body = [{ alg: 'RS256', typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const key = readFileSync(rig().dovecot.tokenKey);
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}

/**
 * The mail in Postfix's inbox that contains `text`, waited for since Postfix answers before it delivers.
 * @throws AbortError once `signal` fires, by default after 10 s.
 */
export async function deliveredMail(text: string, signal = AbortSignal.timeout(10_000)): Promise<string> {
  const { inbox } = rig().postfix;
  const find = async () => {
    const mails = await Promise.all((await readdir(inbox)).map((name) => readFile(join(inbox, name), 'utf8')));
    return mails.find((mail) => mail.includes(text));
  };
  const watcher = watch(inbox);
  try {
    for (;;) {
      const change = once(watcher, 'change', { signal }); // before the look, so that nothing arrives unseen
      const mail = await Promise.race([change, find()]);
      if (typeof mail === 'string') return mail;
      await change;
    }
  } finally {
    watcher.close();
  }
}
