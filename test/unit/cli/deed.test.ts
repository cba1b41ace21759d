import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deedOf } from '../../../src/cli/commands/audit.ts';

const line = (detail?: object) => JSON.stringify({ action: 'any.thing', ...(detail && { detail }) });

test('a line of the audit log says what was done', () => {
  assert.equal(
    deedOf(line({ method: 'GET', path: '/v1/models', secrets: 'token', status: 200 })),
    'GET /v1/models 200',
  );
  assert.equal(deedOf(line({ argv: '["docker","ps"]', exitCode: 1 })), '["docker","ps"] exit 1');
  assert.equal(deedOf(line({ argv: '["sleep","9"]', exitSignal: 'TERM' })), '["sleep","9"] exit TERM');
  assert.equal(deedOf(line({ direction: 'up', path: '/srv/report.csv', synced: true })), 'up /srv/report.csv');
});

test('a record without such details says nothing', () => {
  assert.equal(deedOf(line({ rule: 'grant', for: 'open' })), '');
  assert.equal(deedOf(line()), '');
});
