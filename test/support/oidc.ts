import { once } from 'node:events';
import { createServer } from 'node:https';
import Provider from 'oidc-provider';
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
