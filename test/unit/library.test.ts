import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../src/core/errors.ts';
import { onFirstUse } from '../../src/core/library.ts';

test('a package is loaded by the first use and by no other', () => {
  let loads = 0;
  const wanted = onFirstUse('thing', () => {
    loads += 1;
    return { value: 7 };
  });
  assert.equal(loads, 0);
  assert.equal(wanted().value, 7);
  assert.equal(wanted(), wanted());
  assert.equal(loads, 1);
});

test('a package that cannot be loaded is named, and the next use tries again', () => {
  let broken = true;
  const cause = new Error("Cannot find module 'thing'");
  const wanted = onFirstUse('thing', () => {
    if (broken) throw cause;
    return 7;
  });
  assert.throws(wanted, (error) => {
    assert.ok(error instanceof BrokerError);
    assert.equal(error.code, 'internal');
    assert.match(error.message, /thing/);
    assert.match(error.hint ?? '', /install/);
    assert.equal(error.cause, cause);
    return true;
  });
  broken = false;
  assert.equal(wanted(), 7);
});
