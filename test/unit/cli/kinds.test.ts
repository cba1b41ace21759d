import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KNOWN_KINDS } from '../../../src/cli/kinds.ts';
import * as registry from '../../../src/drivers/registry.ts';

test('help knows every kind that there is a driver for, by its title', () => {
  const drivers = Object.values(registry).flatMap((list) => [...list.values()]);
  assert.deepEqual(
    KNOWN_KINDS.map((known) => [...known]).sort(),
    drivers.map(({ kind, title }) => [kind, title]).sort(),
  );
});
