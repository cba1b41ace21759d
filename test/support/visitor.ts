import { CookieJar } from 'tough-cookie';
import { Agent, request } from 'undici';
import { rig } from './rig.ts';

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
