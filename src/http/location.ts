import type { BaseUrl } from './baseurl.ts';

/**
 * A redirect's target as the client may follow it: one within the service leads back through the proxy, any other to where
 * the server said, spelled out, since relative to the proxy it would be another path of broker's.
 * @param location the raw header value.
 * @param request path that the upstream was asked for, raw, for relative references.
 * @param mount where the client finds the service: `/proxy/NAME`, or empty on a port of its own.
 * @param basePath as it was sent: with the credential in it, where the kind puts one there.
 */
export function mapLocation(location: string, request: string, base: BaseUrl, mount: string, basePath: string): string {
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

/** Undefined for what is no http(s) address (a mail address, an app). */
function absoluteOf(location: string, request: string, base: BaseUrl): string | undefined {
  if (/^https?:\/\//i.test(location)) return location;
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return undefined;
  if (location.startsWith('//')) return `${base.secure ? 'https' : 'http'}:${location}`;
  if (location.startsWith('/')) return `${base.origin}${location}`;
  const asked = `${base.origin}${request}`;
  return URL.canParse(location, asked) ? new URL(location, asked).href : undefined;
}
