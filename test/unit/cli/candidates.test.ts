import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidates } from '../../../src/cli/candidates.ts';

const SECRET = 's3cret:x=1,y';
const encoded = (text: string): string => Buffer.from(text).toString('base64');

test('a credential is found wherever it stands in a text, delimiters of its own included', () => {
  const places = [
    SECRET,
    `password is ${SECRET}`,
    `--password=${SECRET}`,
    `{"password":"${SECRET}","user":"app"}`,
    `user=app password='${SECRET}' host=db`,
    `postgres://app:${encodeURIComponent(SECRET)}@db.example:5432/app?sslmode=require`,
    `Authorization: Basic ${encoded(`app:${SECRET}`)}`,
    `X-Key: ${encoded(SECRET)}`,
    `/usr/bin:/bin:${SECRET}`,
  ];
  for (const place of places) assert.ok(candidates(place).includes(SECRET), place);
});

test('short words are passed over, and long lists cut without putting neighbours together', () => {
  assert.deepEqual(candidates('a:b:c'), []);
  const list = Array.from({ length: 300 }, (_, n) => `*.suffix${n}=01;31`).join(':');
  assert.ok(candidates(list).length < 350);
});
