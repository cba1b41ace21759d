import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyOut, BodyScrub } from '../../../../src/http/scrub/body.ts';
import type { HoldBack } from '../../../../src/http/scrub/identity.ts';
import { Outlet, scrubbing } from './outlet.ts';

/**
 * The attack of MECHANISMS §6. The client may call an API that sends back what it is told to, and sees what of it has come
 * out so far. A scrubber that holds back just what looks like the beginning of a secret tells it, byte by byte, how
 * much of a guess is right.
 */
const SECRET = 'sk-5f81a0c27d93';
const ALPHABET = [...'0123456789abcdef-ks'];

type Make = (out: BodyOut) => BodyScrub & Disposable;

/** What the attacker makes out of the secret: each time the byte with which least comes out. */
function recovered(make: Make, frame: (guess: string) => string): string {
  let known = '';
  while (known.length < SECRET.length - 1) {
    const out = ALPHABET.map((char) => observe(make, frame(known + char)).reduce((sum, length) => sum + length, 0));
    const least = Math.min(...out);
    if (out.filter((each) => each === least).length > 1) break;
    known += ALPHABET[out.indexOf(least)];
  }
  return known;
}

/** All that shows of one echo before its end: how much of it is out after which write. */
function observe(make: Make, echo: string): readonly number[] {
  const outlet = new Outlet();
  using scrub = make(outlet);
  const steps: number[] = [];
  for (const piece of [echo.slice(0, -1), echo.slice(-1)]) {
    scrub.write(Buffer.from(piece));
    steps.push(outlet.bytesOut.length);
  }
  return steps;
}

const FRAMES: readonly { readonly name: string; readonly frame: (guess: string) => string }[] = [
  { name: 'an open line', frame: (guess) => `data: x\ndata: ${guess}` },
  { name: 'a line that is complete', frame: (guess) => `data: ${guess}\n` },
  { name: 'a guess behind a long run of other bytes', frame: (guess) => `${'.'.repeat(200)}${guess}` },
  { name: 'a guess in front of other bytes', frame: (guess) => `${guess}${'.'.repeat(20)}` },
];

test('the attack works on a scrubber that holds back what begins like the secret', () => {
  assert.equal(
    recovered(naive, (guess) => `data: ${guess}`),
    SECRET.slice(0, -1),
  );
});

for (const holdBack of ['tail', 'lines'] satisfies HoldBack[]) {
  for (const { name, frame } of FRAMES) {
    test(`an echo tells nothing about a guess that is not the whole secret (${holdBack}, ${name})`, () => {
      assert.equal(recovered(ours(holdBack), frame), '');
      for (let known = 0; known < SECRET.length - 1; known++) {
        const seen = ALPHABET.map((char) => observe(ours(holdBack), frame(SECRET.slice(0, known) + char)).join(' '));
        assert.equal(new Set(seen).size, 1, `behind ${known} right bytes`);
      }
    });
  }
}

function ours(holdBack: HoldBack): Make {
  return (out) => {
    const { body, [Symbol.dispose]: dispose } = scrubbing([SECRET], holdBack, out);
    return {
      write: (chunk) => body.write(chunk),
      end: () => body.end(),
      [Symbol.dispose]: dispose,
    };
  };
}

/** What not to build: it holds back the longest tail that is a beginning of the secret. */
function naive(out: BodyOut): BodyScrub & Disposable {
  let held = '';
  return {
    write(chunk) {
      held = (held + chunk.toString()).replaceAll(SECRET, '*'.repeat(SECRET.length));
      let keep = Math.min(held.length, SECRET.length - 1);
      while (!SECRET.startsWith(held.slice(held.length - keep))) keep -= 1;
      out.bytes(Buffer.from(held.slice(0, held.length - keep)));
      held = held.slice(held.length - keep);
      return true;
    },
    end: () => out.end(),
    [Symbol.dispose]: () => {},
  };
}
