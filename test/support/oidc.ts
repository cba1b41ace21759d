import { once } from 'node:events';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';
import { CookieJar } from 'tough-cookie';
import { Agent, request } from 'undici';
import { rig } from './rig.ts';

/** The application that the issuer knows. */
export const CLIENT = { client_id: 'broker', client_secret: 'client-canary' } as const;

/** A real authorisation server over https, with its development pages for login and consent. */
export class Issuer implements AsyncDisposable {
  readonly url: string;
  /** Grants, refresh tokens and the like that it gave out, by kind. */
  readonly given: string[] = [];
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<Issuer> {
    const { server: tls } = rig().tls;
    const server = createServer({ cert: tls.cert, key: tls.key });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    const url = `https://127.0.0.1:${address.port}`;
    const provider = new Provider(url, {
      clients: [
        {
          ...CLIENT,
          application_type: 'native',
          redirect_uris: ['http://127.0.0.1/oauth2/callback', 'http://127.0.0.1/auth/oauth2/callback'],
          grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
          response_types: ['code'],
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true } },
      findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      issueRefreshToken: () => true,
      rotateRefreshToken: true,
      cookies: { keys: ['test'] },
    });
    server.on('request', provider.callback());
    const made = new Issuer(url, async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    provider.on('grant.success', (context) => {
      const type = context.oidc.params?.grant_type;
      if (typeof type === 'string') made.given.push(type);
    });
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** What a user and a browser do, without a browser: fills in and sends off every form, and follows every redirect. */
export class Visitor implements AsyncDisposable {
  readonly #jar = new CookieJar();
  readonly #agent = new Agent({ connect: { ca: rig().tls.ca.cert } });

  /** @returns the last page, or the first address that `stopAt` recognises, which is not visited. */
  async visit(start: string, stopAt: (url: string) => boolean = () => false): Promise<{ url: string; body: string }> {
    let url = start;
    let form: URLSearchParams | undefined;
    for (let step = 0; step < 30; step++) {
      const { headers, body } = await this.#ask(url, form);
      const text = await body.text();
      const location = headers.location;
      if (typeof location === 'string') {
        url = new URL(location, url).href;
        form = undefined;
        if (stopAt(url)) return { url, body: '' };
        continue;
      }
      const next = formOf(text);
      if (!next) return { url, body: text };
      url = new URL(next.action, url).href;
      form = next.fields;
    }
    throw new Error(`no end of pages at ${url}`);
  }

  async #ask(url: string, form: URLSearchParams | undefined) {
    const cookie = await this.#jar.getCookieString(url);
    const answer = await request(url, {
      dispatcher: this.#agent,
      method: form ? 'POST' : 'GET',
      headers: {
        accept: 'text/html',
        ...(cookie && { cookie }),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form ? form.toString() : null,
    });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) await this.#jar.setCookie(line, url);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.close();
  }
}

function formOf(html: string): { action: string; fields: URLSearchParams } | undefined {
  const [, tag = '', inside = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(html) ?? [];
  const action = attribute(tag, 'action');
  if (action === undefined) return undefined;
  const fields = new URLSearchParams();
  for (const [input] of inside.matchAll(/<input[^>]*>/g)) {
    const name = attribute(input, 'name');
    if (name !== undefined) fields.set(name, attribute(input, 'value') ?? 'alice');
  }
  for (const [button] of inside.matchAll(/<button[^>]*name="confirm"[^>]*>/g)) fields.set('confirm', button && 'yes');
  return { action, fields };
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&').replaceAll('&#x2F;', '/');
}
