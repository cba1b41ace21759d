import { isIP } from 'node:net';
import type { AddressGuard } from '../core/dial.ts';
import { BrokerError } from '../core/errors.ts';
import type { BaseUrl } from './baseurl.ts';
import { firstOf } from './headers.ts';
import { badPath } from './path.ts';

/** Where a redirect comes from, and where it may lead. */
export interface Redirecting {
  /** Path that the upstream was asked for, raw, for relative references. */
  readonly path: string;
  readonly base: BaseUrl;
  /** Where the client finds the service: `/proxy/NAME`, or empty on a port of its own. */
  readonly mount: string;
  /** As it was sent: with the credential in it, where the kind puts one there. */
  readonly basePath: string;
  /** The client's Host. */
  readonly host: string;
  /** Says no to what no service may reach: broker's own ports, metadata services. */
  readonly guard: AddressGuard;
}

/**
 * A response's headers with Location as the client may follow it.
 * @param headers flat, raw. @returns the same array where there is none.
 * @throws BrokerError `upstream_protocol` for one that leads the client to another place of broker's, or to a metadata
 * service: it would go there with its token, which the server must not be able to make it do.
 */
export function withLocation(headers: string[], from: Redirecting): string[] {
  const location = firstOf(headers, 'location');
  if (location === undefined) return headers;
  const { path, base, mount, basePath } = from;
  const mapped = mapLocation(location, path, base, mount, basePath);
  if (leadsAstray(mapped, from))
    throw new BrokerError('upstream_protocol', `${base.host} redirects to broker’s own port or to a metadata service`);
  return headers.map((item, at) => (at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'location' ? mapped : item));
}

/** As a client would resolve it (WHATWG URL), whatever it was made of. */
function leadsAstray(location: string, { host, mount, guard }: Redirecting): boolean {
  const here = `http://${host}${mount}/`;
  if (!URL.canParse(location, here)) return false;
  const to = new URL(location, here);
  if (!/^https?:$/.test(to.protocol)) return false;
  if (to.host === new URL(here).host) return to.pathname !== mount && !to.pathname.startsWith(`${mount}/`);
  const name = to.hostname.replace(/^\[|\]$|\.$/g, '');
  const address = /(^|\.)localhost$/.test(name) ? '127.0.0.1' : name;
  const port = to.port === '' ? (to.protocol === 'https:' ? 443 : 80) : Number(to.port);
  return isIP(address) !== 0 && guard(address, port) !== undefined;
}

/**
 * A redirect's target as the client may follow it: one within the service leads back through the proxy, any other to where
 * the server said, spelled out, since relative to the proxy it would be another path of broker's.
 * @param location the raw header value.
 * @param request path that the upstream was asked for, raw, for relative references.
 * @param mount where the client finds the service: `/proxy/NAME`, or empty on a port of its own.
 * @param basePath as it was sent: with the credential in it, where the kind puts one there.
 */
function mapLocation(location: string, request: string, base: BaseUrl, mount: string, basePath: string): string {
  if (location === '' || location.startsWith('#')) return location;
  const absolute = absoluteOf(location, request, base);
  if (absolute === undefined) return location;
  if (!absolute.toLowerCase().startsWith(base.origin.toLowerCase())) return absolute;
  const rest = absolute.slice(base.origin.length);
  // https://api.example.com.evil.example starts with the origin too.
  if (rest !== '' && !/^[/?#]/.test(rest)) return absolute;
  const inside = rest === basePath || rest.startsWith(`${basePath}/`) || /^[?#]/.test(rest.slice(basePath.length));
  if (!rest.startsWith(basePath) || !inside) return absolute;
  const path = rest.slice(basePath.length);
  if (mount !== '') return `${mount}${path}`;
  // On a port of its own `//evil.example` would lead away, and so would what browsers make of `/\\evil` and `/TAB/evil`.
  if (/^\/[\t\r\n]*[/\\]/.test(path)) return `/.${path}`;
  return path.startsWith('/') ? path : `/${path}`;
}

/**
 * Undefined for what is no http(s) address (a mail address, an app). As it was written, unless clients would take its
 * path for another (dots, backslashes).
 */
function absoluteOf(location: string, request: string, base: BaseUrl): string | undefined {
  const asked = `${base.origin}${request}`;
  const resolved = URL.canParse(location, asked) ? new URL(location, asked).href : undefined;
  const whole = wholeOf(location, base);
  if (whole === undefined) return /^https?:/i.test(resolved ?? '') ? resolved : undefined;
  const path = /^[^/]*\/\/[^/?#]*([^?#]*)/.exec(whole)?.[1] ?? '';
  return badPath(path) === undefined ? whole : resolved;
}

/** Undefined for what has to be resolved, and what is no address of the web. */
function wholeOf(location: string, base: BaseUrl): string | undefined {
  if (/^https?:\/\//i.test(location)) return location;
  if (location.startsWith('//')) return `${base.secure ? 'https' : 'http'}:${location}`;
  return location.startsWith('/') ? `${base.origin}${location}` : undefined;
}
