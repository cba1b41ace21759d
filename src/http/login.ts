import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.ts';
import { isTokenUrl, type LoginSettings } from '../core/oauth.ts';
import { quoteServer } from '../core/quote.ts';
import { Secret } from '../core/secret.ts';
import { parseClientFile } from './clientfile.ts';
import type { EndpointFetch } from './endpoint.ts';
import { basicPair } from './tokenrequest.ts';

/** What a login ended in. */
export interface LoginResult {
  readonly refreshToken: Secret;
  readonly tokenUrl: string;
}

/** A code for another device (RFC 8628 §3.2). */
export interface DeviceCode {
  readonly url: string;
  readonly userCode: string;
  readonly expiresInSeconds: number;
}

/**
 * One login at an issuer: authorisation code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 9207), or a device code (RFC 8628). Of
 * the issuer's answers oauth4webapi checks what there is to check. Holds the application's secret until it is disposed.
 */
export class Login implements Disposable {
  readonly #fetch: EndpointFetch;
  readonly #settings: LoginSettings;
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;
  readonly #secret: Secret | undefined;
  readonly #verifier = oauth.generateRandomCodeVerifier();
  readonly #nonce = oauth.generateRandomNonce();
  readonly state: string = oauth.generateRandomState();
  #redirectUri = '';
  #device: { readonly code: string; intervalSeconds: number } | undefined;

  private constructor(fetch: EndpointFetch, settings: LoginSettings, server: oauth.AuthorizationServer) {
    const file = settings.client_json?.use(parseClientFile);
    const clientId = settings.client_id ?? file?.clientId;
    if (clientId === undefined) throw unfit('client_id is required');
    this.#fetch = fetch;
    this.#settings = settings;
    this.#server = server;
    this.#client = { client_id: clientId };
    this.#secret = settings.client_secret?.clone() ?? file?.clientSecret;
  }

  /**
   * Finds the issuer's URLs, by asking it where they are not given.
   * @throws BrokerError `invalid_argument` for a service that says too little, `upstream_*` of the discovery.
   */
  static async prepare(fetch: EndpointFetch, settings: LoginSettings): Promise<Login> {
    const file = settings.client_json?.use(parseClientFile);
    const found =
      settings.issuer === undefined ? undefined : await discovered(fetch, settings.issuer, settings.token_ca);
    const token = settings.token_url ?? found?.token_endpoint ?? file?.tokenUrl;
    const authorization = settings.authorization_url ?? found?.authorization_endpoint ?? file?.authorizationUrl;
    const device = settings.device_url ?? found?.device_authorization_endpoint;
    if (token === undefined) throw unfit('issuer or token_url is required');
    for (const url of [token, authorization, device])
      if (url !== undefined && !isTokenUrl(url)) throw unfit(`${url} is no https URL`);
    return new Login(fetch, settings, {
      ...found,
      issuer: found?.issuer ?? new URL(token).origin,
      token_endpoint: token,
      ...(authorization !== undefined && { authorization_endpoint: authorization }),
      ...(device !== undefined && { device_authorization_endpoint: device }),
    });
  }

  /** Where the user's browser goes. @throws BrokerError `invalid_argument` where the issuer has no such URL. */
  async authorizationUrl(redirectUri: string): Promise<string> {
    const { authorization_endpoint: endpoint } = this.#server;
    if (endpoint === undefined) throw unfit('issuer or authorization_url is required');
    this.#redirectUri = redirectUri;
    const url = new URL(endpoint);
    const google = url.hostname === 'accounts.google.com' ? { access_type: 'offline', prompt: 'consent' } : {};
    const params = {
      ...google,
      ...Object.fromEntries((this.#settings.authorization_params ?? []).map(split)),
      response_type: 'code',
      client_id: this.#client.client_id,
      redirect_uri: redirectUri,
      ...(this.#scope && { scope: this.#scope }),
      state: this.state,
      code_challenge: await oauth.calculatePKCECodeChallenge(this.#verifier),
      code_challenge_method: 'S256',
      ...(this.#isOpenId && { nonce: this.#nonce }),
    };
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
    return url.href;
  }

  /**
   * Turns what the browser came back with into a refresh token.
   * @throws BrokerError `upstream_auth` when user or issuer said no, `upstream_*`.
   */
  async finish(query: URLSearchParams): Promise<LoginResult> {
    return await this.#told(async () => {
      const params = oauth.validateAuthResponse(this.#server, this.#client, query, this.state);
      const response = await oauth.authorizationCodeGrantRequest(
        this.#server,
        this.#client,
        this.#auth(),
        params,
        this.#redirectUri,
        this.#verifier,
        this.#options(),
      );
      const checked = await this.#withoutUnasked(response);
      const expected = this.#isOpenId && this.#knowsIssuer ? { expectedNonce: this.#nonce, requireIdToken: true } : {};
      return await oauth.processAuthorizationCodeResponse(this.#server, this.#client, checked, expected);
    });
  }

  /** Asks for a code that the user types in elsewhere. @throws BrokerError `invalid_argument`, `upstream_*`. */
  async deviceCode(): Promise<DeviceCode> {
    if (this.#server.device_authorization_endpoint === undefined)
      throw unfit('issuer or device_url is required, and the issuer must have logins by device');
    try {
      const params = new URLSearchParams(this.#scope ? { scope: this.#scope } : {});
      const response = await oauth.deviceAuthorizationRequest(
        this.#server,
        this.#client,
        this.#auth(),
        params,
        this.#options(),
      );
      const answer = await oauth.processDeviceAuthorizationResponse(this.#server, this.#client, response);
      this.#device = { code: answer.device_code, intervalSeconds: answer.interval ?? 5 };
      const url = answer.verification_uri_complete ?? answer.verification_uri;
      return { url, userCode: answer.user_code, expiresInSeconds: answer.expires_in };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Seconds to wait before the next `poll`. */
  get intervalSeconds(): number {
    return this.#device?.intervalSeconds ?? 5;
  }

  /** Asks whether the user has typed it in; undefined while not. @throws BrokerError as `finish`. */
  async poll(): Promise<LoginResult | undefined> {
    const device = this.#device;
    if (!device) throw new BrokerError('internal', 'no device code was asked for');
    try {
      return await this.#told(async () => {
        const response = await oauth.deviceCodeGrantRequest(
          this.#server,
          this.#client,
          this.#auth(),
          device.code,
          this.#options(),
        );
        return await oauth.processDeviceCodeResponse(this.#server, this.#client, await this.#withoutUnasked(response));
      });
    } catch (error) {
      const said =
        error instanceof BrokerError && error.cause instanceof oauth.ResponseBodyError ? error.cause.error : '';
      if (said === 'slow_down') device.intervalSeconds += 5;
      if (said === 'authorization_pending' || said === 'slow_down') return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#secret?.[Symbol.dispose]();
  }

  get #scope(): string | undefined {
    const { scope, scopes = [] } = this.#settings;
    return scope ?? (scopes.length > 0 ? scopes.join(' ') : undefined);
  }

  get #isOpenId(): boolean {
    return this.#scope?.split(' ').includes('openid') ?? false;
  }

  get #knowsIssuer(): boolean {
    return this.#settings.issuer !== undefined;
  }

  #auth(): oauth.ClientAuth {
    const secret = this.#secret?.use((bytes) => bytes.toString('utf8'));
    if (secret === undefined) return oauth.None();
    return this.#settings.client_auth === 'basic' ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
  }

  #options() {
    // What may be plain http is decided by isTokenUrl: this machine alone.
    return { [oauth.customFetch]: fetchOf(this.#fetch, this.#settings.token_ca), [oauth.allowInsecureRequests]: true };
  }

  /** Without a known issuer nobody can say whose ID token it would be; none is used. */
  async #withoutUnasked(response: Response): Promise<Response> {
    if (this.#knowsIssuer || !response.ok) return response;
    const answer: unknown = await response.json();
    const kept = typeof answer === 'object' && answer !== null ? { ...answer, id_token: undefined } : answer;
    return new Response(JSON.stringify(kept), { status: response.status, headers: response.headers });
  }

  async #told(work: () => Promise<oauth.TokenEndpointResponse>): Promise<LoginResult> {
    let answer: oauth.TokenEndpointResponse;
    try {
      answer = await work();
    } catch (error) {
      throw this.#failure(error);
    }
    if (answer.refresh_token === undefined)
      throw new BrokerError('upstream_auth', 'the issuer gave no refresh token', {
        hop: 'auth',
        hint: 'many issuers give one for the scope offline_access, or with prompt=consent in authorization_params',
      });
    const tokenUrl = this.#server.token_endpoint ?? '';
    return { refreshToken: Secret.fromText(answer.refresh_token), tokenUrl };
  }

  #failure(error: unknown): BrokerError {
    if (error instanceof BrokerError) return error;
    if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
      using pair = this.#secret && basicPair(this.#client.client_id, this.#secret);
      const said = quoteServer([error.error, error.error_description].filter(Boolean).join(': '), [this.#secret, pair]);
      return new BrokerError('upstream_auth', `the issuer said no: "${said}"`, { hop: 'auth', cause: error });
    }
    return new BrokerError('upstream_protocol', 'the issuer’s answer is not what it has to be', {
      hop: 'auth',
      cause: error,
    });
  }
}

async function discovered(
  fetch: EndpointFetch,
  issuer: string,
  ca: string | undefined,
): Promise<oauth.AuthorizationServer> {
  const identifier = new URL(issuer);
  const options = { [oauth.customFetch]: fetchOf(fetch, ca), [oauth.allowInsecureRequests]: true };
  const ask = (algorithm: 'oidc' | 'oauth2') => oauth.discoveryRequest(identifier, { ...options, algorithm });
  const first = await ask('oidc');
  const response = first.ok ? first : await ask('oauth2');
  try {
    return await oauth.processDiscoveryResponse(identifier, response);
  } catch (cause) {
    throw new BrokerError('upstream_protocol', `the OAuth2 issuer at ${identifier.host} has no metadata that fits`, {
      hop: 'auth',
      hint: 'give authorization_url and token_url in place of issuer',
      cause,
    });
  }
}

function fetchOf(fetch: EndpointFetch, ca: string | undefined) {
  return async (
    url: string,
    request: { method: string; headers: Record<string, string>; body?: unknown },
  ): Promise<Response> => {
    const { method, headers, body } = request;
    return await fetch(url, { method, headers, body: body === undefined ? undefined : String(body), ca });
  };
}

function split(param: string): [string, string] {
  const at = param.indexOf('=');
  return [param.slice(0, at), param.slice(at + 1)];
}

function unfit(what: string): BrokerError {
  return new BrokerError('invalid_argument', what, {
    hop: 'config',
    hint: 'broker service set {service} --issuer URL',
  });
}
