import { createHash, createHmac } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';

/** What a request is signed with. Text, since it goes into headers. */
export interface AwsCredential {
  readonly accessKeyId: string;
  /** Lent for the length of the call. */
  readonly secretAccessKey: Buffer;
  readonly sessionToken: string | undefined;
  readonly region: string;
  readonly service: string;
}

/** The request as it will go out. */
export interface AwsRequest {
  readonly method: string;
  readonly host: string;
  /** Raw, without the query. */
  readonly path: string;
  /** Raw, without the question mark. */
  readonly query: string;
  /** Flat. */
  readonly headers: readonly string[];
  /** Lower-case hex of the body's SHA-256, or the word that stands for it. */
  readonly payloadHash: string;
}

export interface AwsSigned {
  /** As it was signed: what the server makes of the path is what was meant. */
  readonly query: string;
  readonly headers: readonly string[];
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** Parameters of a presigned URL: a caller's own would stand beside the signature. */
const PRESIGNED = /^x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token|content-sha256)$/i;
/** What of a caller's headers is replaced: its own signature belongs to a key that does not matter. */
const REPLACED = ['x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token', 'authorization', 'host'];

/**
 * AWS Signature Version 4 in the Authorization header (AWS General Reference "Create a signed AWS API request"). Signs
 * host, content-type, content-md5 and every x-amz-* header.
 * @param nowMs epoch milliseconds.
 * @throws BrokerError `invalid_argument` for a path or query whose percent escapes are broken.
 */
export function signAws(request: AwsRequest, credential: AwsCredential, nowMs: number): AwsSigned {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${credential.region}/${credential.service}/aws4_request`;
  const added: [string, string][] = [['x-amz-date', time]];
  if (credential.service === 's3') added.push(['x-amz-content-sha256', request.payloadHash]);
  if (credential.sessionToken !== undefined) added.push(['x-amz-security-token', credential.sessionToken]);
  const signed = canonicalHeaders([['host', request.host], ...added, ...signable(request.headers)]);
  const names = signed.map(([name]) => name).join(';');
  const query = canonicalQuery(request.query);
  const canonical = [
    request.method,
    canonicalPath(request.path, credential.service),
    query,
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    request.payloadHash,
  ].join('\n');
  const toSign = [ALGORITHM, time, scope, sha256(canonical)].join('\n');
  const signature = hmac(signingKey(credential, time.slice(0, 8)), toSign).toString('hex');
  const authorization = `${ALGORITHM} Credential=${credential.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { query, headers: [...added.flat(), 'Authorization', authorization] };
}

/** Lower-case hex. */
export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * S3 takes the path as it is: decoded and encoded once. The others encode what they received once more, with runs of
 * slashes as one.
 */
function canonicalPath(path: string, service: string): string {
  if (service === 's3')
    return (
      path
        .split('/')
        .map((segment) => encode(decode(segment)))
        .join('/') || '/'
    );
  return (
    path
      .replaceAll(/\/{2,}/g, '/')
      .split('/')
      .map(encode)
      .join('/') || '/'
  );
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [parameter(name), parameter(value)] as const;
    })
    .filter(([name]) => !PRESIGNED.test(name))
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A plus is a space in a query, as every form says it; a plus itself is %2B. */
function parameter(text: string): string {
  return decode(text.replaceAll('+', ' '));
}

function signable(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let at = 0; at < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase();
    const counts = name === 'content-type' || name === 'content-md5' || name.startsWith('x-amz-');
    if (counts && !REPLACED.includes(name)) found.push([name, flat[at + 1] ?? '']);
  }
  return found;
}

/** Sorted, values of one name joined in their order, runs of spaces as one. */
function canonicalHeaders(headers: readonly (readonly [string, string])[]): [string, string][] {
  const byName = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const values = byName.get(name) ?? [];
    values.push(value.trim().replaceAll(/ +/g, ' '));
    byName.set(name, values);
  }
  return [...byName]
    .map(([name, values]): [string, string] => [name, values.join(',')])
    .sort(([a], [b]) => compare(a, b));
}

function signingKey({ secretAccessKey, region, service }: AwsCredential, date: string): Buffer {
  const start = Buffer.concat([Buffer.from('AWS4'), secretAccessKey]);
  const key = [date, region, service, 'aws4_request'].reduce<Buffer>(hmac, start);
  start.fill(0);
  return key;
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** RFC 3986: everything but the unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new BrokerError(
      'invalid_argument',
      'the path or query has percent escapes that are no UTF-8: it cannot be signed',
    );
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
