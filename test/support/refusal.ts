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
