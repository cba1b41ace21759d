import { gzipSync } from 'node:zlib';

/** How a server closes. A thousand resets in one process may have Node 20 wait for ever at its exit: they are for single cases. */
export type Close = 'end' | 'destroy' | 'resetAndDestroy';

/** How a mangled answer is sent: in one piece or two, and how the connection ends behind it. */
export interface Mangled {
  readonly text: string;
  /** Bytes of the first piece. */
  readonly cut: number;
  readonly close: Close;
}

const PACKED = gzipSync('x'.repeat(300)).toString('latin1');
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
/** Answers as they should be; one character is one byte. */
const WHOLE: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nfour\r\n5\r\nfives\r\n0\r\nX-Sum: 9\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Path=/\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 12\r\n\r\n',
  `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${PACKED.length}\r\n\r\n${PACKED}`,
  'HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nto the end',
  'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 3\r\n\r\nno!',
  `${SWITCHING}\r\nSec-WebSocket-Accept: x\r\n\r\nhi`,
];
const LINES = [
  ...['Content-Length: 3', 'Content-Length: ', 'Content-Length: 1e3', 'Transfer-Encoding: chunked'],
  ...['Transfer-Encoding: identity', 'Connection: close', 'Connection: x, y', 'Content-Encoding: br', 'Upgrade: h2c'],
  ...['Content-Encoding: gzip, br', 'Trailer: Content-Length', 'Trailer: a b', 'Keep-Alive: timeout=-1', ': empty'],
  ...[
    'Location: http://[',
    'Location: //',
    'Location: \\\\',
    'Location: http://a b/',
    'Location: http://127.0.0.1:1/\xff',
  ],
  ...['Set-Cookie: \x01=\xff', 'X: \x01', 'A\xe9: 1', 'X(Y): 1', 'HTTP/9.9 200 OK'],
].map((line) => `${line}\r\n`);
const TOKENS = ['\r\n', '\r', '\n', '\0', '\x01', '\x7f', '\xff', ' ', '\t', ':', ',', ';', '0', '-1', '9'.repeat(20)];
const STATUSES = ['0', '99', '100', '101', '103', '199', '204', '205', '304', '600', '999', '2000', '-1', '200 '];

/** Answers that went wrong on their way, the same ones for the same seed. */
export function mangled(seed: number, count: number): Mangled[] {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = (from: readonly string[]): string => from[random(from.length)] ?? '';
  const mangle = (text: string): string => {
    const at = random(text.length + 1);
    const starts = [...text.slice(0, text.indexOf('\r\n\r\n') + 2).matchAll(/\r\n/g)].map(({ index }) => index + 2);
    const line = starts[random(starts.length)] ?? at;
    switch (random(8)) {
      case 0:
        return text.slice(0, at) + pick(TOKENS) + text.slice(at);
      case 1:
      case 2:
        return text.slice(0, line) + pick(LINES) + text.slice(line);
      case 3:
        return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
      case 4:
        return text.slice(0, at) + text.slice(at + 1 + random(4));
      case 5:
        return text.slice(0, at);
      case 6:
        return text.replace(/(?<= )\d+/, pick(STATUSES));
      default:
        return text.slice(0, at) + pick(WHOLE).slice(random(40));
    }
  };
  return Array.from({ length: count }, () => {
    let text = mangle(pick(WHOLE));
    if (random(4) === 0) text = mangle(text);
    return {
      text,
      cut: random(2) === 0 ? text.length : random(text.length + 1),
      close: random(4) === 0 ? 'destroy' : 'end',
    };
  });
}
