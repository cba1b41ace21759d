import { badPath } from './path.ts';

/** A base URL, taken apart once. Everything that follows (dial, SNI, Host, injection) goes by `origin`. */
export interface BaseUrl {
  readonly secure: boolean;
  /** Lower case, without brackets. */
  readonly host: string;
  readonly port: number;
  /** As it stands in `Host`: with the port where it is not the scheme's own, and brackets round an IPv6 address. */
  readonly authority: string;
  /** `https://api.example.com:8443`. */
  readonly origin: string;
  /** Raw, without the last slash: `/v1`, or empty. */
  readonly path: string;
}

/** What stands for the credential in the base URL of kind `url`. */
export const TOKEN = '{token}';

/** @returns what is wrong with it, as the end of a sentence that begins with the field's name; else its parts. */
export function parseBaseUrl(text: string): BaseUrl | string {
  const match = /^(https?):\/\/([^/?#@\\\s]+)(\/[^?#\\\s]*)?$/i.exec(text);
  if (!match || !URL.canParse(text)) {
    return /[?#@]/.test(text)
      ? 'must be a URL without user, password, query or fragment'
      : 'must be a URL such as https://api.example.com/v1';
  }
  const [, scheme = '', , rawPath = ''] = match;
  const secure = scheme.toLowerCase() === 'https';
  // The name is the URL parser's (case, IDN, 0x7f.1); the path is what was written.
  const { hostname, host, port, origin } = new URL(text.slice(0, text.length - rawPath.length));
  if (hostname === '') return 'must name a host';
  const path = rawPath.replace(/\/$/, '');
  const problem = badPath(path.replace(TOKEN, 'token'));
  if (problem) return `has a path that cannot be used: ${problem}`;
  return {
    secure,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    authority: host,
    origin,
    path,
  };
}
