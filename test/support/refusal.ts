import assert from 'node:assert/strict';
import { BrokerError, type ErrorCode } from '../../src/core/errors.ts';

/** The BrokerError that `answer` rejects with; fails when it does not, or with another code. */
export async function refusal(answer: Promise<unknown>, code: ErrorCode): Promise<BrokerError> {
  let thrown: unknown;
  try {
    await answer;
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof BrokerError)) assert.fail(`expected ${code}, got ${thrown ?? 'success'}`);
  assert.equal(thrown.code, code, thrown.message);
  return thrown;
}

/** Everything that a stream of the API delivers. */
export async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of stream) all.push(message);
  return all;
}

/** Is `act` refused with `invalid_argument` and this message, and without a word of the secret `s3cret`? */
export function refusesInput(act: () => unknown, message: RegExp): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof BrokerError);
    assert.equal(error.code, 'invalid_argument');
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message}${error.hint}`, /s3cret/);
    return true;
  });
}
