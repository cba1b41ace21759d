import { createReadStream, fstatSync, openSync } from 'node:fs';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { BrokerError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/proto/broker/v1/HttpRequest.ts';
import type { HttpResponse__Output } from '../../core/proto/broker/v1/HttpResponse.ts';
import type { HttpResponseHead__Output } from '../../core/proto/broker/v1/HttpResponseHead.ts';
import { fromServiceError } from '../connect.ts';
import { findDaemon, openClient } from '../place.ts';
import { unreadable } from '../reason.ts';

export interface HttpFlags {
  /** NAME: VALUE, as often as wanted. */
  readonly header?: readonly string[];
  readonly include?: boolean;
  readonly fail?: boolean;
}

interface Body {
  readonly stream: AsyncIterable<unknown>;
  /** Bytes; undefined where only the end tells. */
  readonly length: number | undefined;
}

type Call = ClientDuplexStream<HttpRequest, HttpResponse__Output>;

/** `--fail`: the server answered 400 or more. */
const FAILED = 7;

/**
 * `broker http NAME METHOD PATH [BODY|@FILE|-]`: one request, streamed both ways.
 * @returns 0 for whatever the server answered; 7 for 400 and more with `--fail`.
 * @throws BrokerError of broker itself, or where the server cannot be reached.
 */
export async function http(
  service: string,
  method: string,
  path: string,
  data: string | undefined,
  flags: HttpFlags,
): Promise<number> {
  const body = data === undefined ? undefined : bodyOf(data);
  const headers = (flags.header ?? []).map(headerOf);
  const length = body?.length;
  if (length !== undefined && !headers.some(({ name }) => name.toLowerCase() === 'content-length'))
    headers.push({ name: 'Content-Length', value: String(length) });
  using client = openClient();
  const call: Call = client.http.request();
  call.write({
    start: { service, method: method.toUpperCase(), path: escaped(path), headers, hasBody: body !== undefined },
  });
  const interrupt = (): void => call.cancel();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    // What cannot be read is told by the call, which is cancelled then.
    const sent = upload(call, body);
    const status = await receive(call, flags.include ?? false, findDaemon().address, sent);
    return flags.fail && status >= 400 ? FAILED : 0;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

/** What a URL cannot hold as it is (spaces, letters beyond ASCII) is escaped, as browsers do it; escapes stay. */
function escaped(path: string): string {
  return Buffer.from(path)
    .toString()
    .replace(/[^!-~]+/g, encodeURIComponent);
}

function bodyOf(data: string): Body {
  if (data === '-') {
    const file = fstatSync(0);
    return { stream: process.stdin, length: file.isFile() ? file.size : undefined };
  }
  if (!data.startsWith('@')) {
    const bytes = Buffer.from(data, 'utf8');
    return { stream: iterate(bytes), length: bytes.length };
  }
  const path = data.slice(1);
  try {
    // Opened here, so that what cannot be read is said before the server is asked anything.
    const file = openSync(path, 'r');
    const about = fstatSync(file);
    if (about.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    return { stream: createReadStream(path, { fd: file }), length: about.isFile() ? about.size : undefined };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* iterate(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function headerOf(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new BrokerError('invalid_argument', `-H "${line}" is not NAME: VALUE`);
  const name = line.slice(0, colon).trim();
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
    throw new BrokerError('invalid_argument', `-H "${name}" is not the name of a header`);
  return { name, value: line.slice(colon + 1).trim() };
}

async function upload(call: Call, body: Body | undefined): Promise<void> {
  for await (const chunk of body?.stream ?? []) {
    if (!Buffer.isBuffer(chunk)) continue;
    if (!call.write({ data: chunk })) await new Promise<void>((resolve) => call.once('drain', resolve));
  }
  call.end();
}

function receive(call: Call, include: boolean, address: string, sent: Promise<void>): Promise<number> {
  const { stdout } = process;
  let status = 0;
  const print = (bytes: Buffer | string): void => {
    if (stdout.write(bytes)) return;
    call.pause();
    stdout.once('drain', () => call.resume());
  };
  return new Promise((resolve, reject) => {
    sent.catch((error: unknown) => {
      reject(error);
      call.cancel();
    });
    call.on('data', ({ head, data }: HttpResponse__Output) => {
      if (head) {
        ({ status } = head);
        if (include) print(headText(head));
      } else if (data) print(data);
    });
    // A reader that has left (`| head`) ends the request.
    stdout.on('error', () => call.cancel());
    call.on('error', (error) => reject(fromServiceError(error, address)));
    call.on('end', () => {
      if (status > 0) resolve(status);
    });
  });
}

function headText({ status, reason, headers }: HttpResponseHead__Output): string {
  const lines = headers.map(({ name, value }) => `${name}: ${value}\n`);
  return `HTTP ${status}${reason ? ` ${reason}` : ''}\n${lines.join('')}\n`;
}
