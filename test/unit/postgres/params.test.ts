import assert from 'node:assert/strict';
import { test } from 'node:test';
import { predictParams, readStartupParams } from '../../../src/drivers/postgres/params.ts';

const read = (...pairs: [string, string][]) => Object.fromEntries(readStartupParams(pairs).params);

test('passes on the parameters of the list, whatever their spelling, in one canonical order', () => {
  const given: [string, string][] = [
    ['TimeZone', 'UTC'],
    ['DATESTYLE', 'ISO'],
    ['Client_Encoding', 'LATIN1'],
    ['application_name', 'é'],
  ];
  const params = [...readStartupParams(given).params.keys()];
  assert.deepEqual(params, ['application_name', 'client_encoding', 'datestyle', 'timezone']);
  assert.deepEqual(read(...given), read(...given.reverse()));
});

test('user and database are the service’s, and replication by any other name is off', () => {
  for (const off of ['false', 'off', 'no', '0', 'F'])
    assert.deepEqual(read(['user', 'x'], ['database', 'y'], ['replication', off]), {});
  for (const on of ['true', 'database', 'on', '1', 'yes', '', 'o']) {
    assert.throws(() => read(['replication', on]), { code: 'denied', message: /replication/ }, on);
  }
});

test('reads options as the server does: -c, --, escapes, dashes for underscores', () => {
  const options = String.raw`-c statement_timeout=5s  -cDateStyle=ISO,\ DMY --search-path=a\\b --application-name=`;
  assert.deepEqual(read(['options', options]), {
    application_name: '',
    datestyle: 'ISO, DMY',
    search_path: String.raw`a\b`,
    statement_timeout: '5s',
  });
});

test('a parameter of its own wins over options, and the later of two wins', () => {
  assert.deepEqual(read(['timezone', 'A'], ['options', '-c timezone=B']), { timezone: 'A' });
  assert.deepEqual(read(['timezone', 'A'], ['TimeZone', 'B']), { timezone: 'B' });
});

test('refuses by name what is not passed on, in options too', () => {
  for (const pairs of [
    [['geqo', 'off']],
    [['session_preload_libraries', 'x']],
    [['options', '-c role=postgres']],
    [['options', '-e']],
    [['options', '-c']],
    [['options', 'timezone=UTC']],
    [['options', '-c timezone']],
    [['options', '-B 5']],
  ] as [string, string][][]) {
    assert.throws(() => read(...pairs), { code: 'denied' }, JSON.stringify(pairs));
  }
  assert.throws(() => read(['evil\u001b[31m', 'x']), {
    message: 'the start-up parameter "evil?[31m" is not passed on',
  });
});

test('names the protocol options that it does not know', () => {
  assert.deepEqual(
    readStartupParams([
      ['_pq_.a', '1'],
      ['_pq_.b', ''],
    ]).unknownOptions,
    ['_pq_.a', '_pq_.b'],
  );
});

test('predicts what libpq sends for its variables, and leaves out what would be refused', () => {
  const env = {
    PGAPPNAME: 'app',
    PGTZ: 'UTC',
    PGDATESTYLE: 'ISO',
    PGCLIENTENCODING: 'LATIN1',
    PGOPTIONS: '-c statement_timeout=5 -c timezone=B',
  };
  const sent = readStartupParams([
    ['user', 'u'],
    ['options', env.PGOPTIONS],
    ['application_name', 'app'],
    ['client_encoding', 'LATIN1'],
    ['datestyle', 'ISO'],
    ['timezone', 'UTC'],
  ]);
  assert.deepEqual([...predictParams(env)], [...sent.params]);
  assert.deepEqual(
    [...predictParams({ PGOPTIONS: '-c role=x', PGTZ: 'Default', PGCLIENTENCODING: 'auto', PGAPPNAME: '' })],
    [],
  );
});
