import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areOpenSettings, CommandRules } from '../../../src/drivers/redis/commands.ts';
import { word } from '../../../src/drivers/redis/resp.ts';

/** What becomes of a command written as a user would: `pass`, `deny`, `names`, or what belongs to the login. */
function verdict(rules: CommandRules, text: string): string {
  const [name = '', subcommand] = text.split(' ');
  const bytes = Buffer.from(name, 'latin1');
  const first = rules.byName(bytes, 0, bytes.length);
  if (first !== 'subcommand') return first;
  return subcommand === undefined ? 'deny' : rules.bySubcommand(word(bytes), word(Buffer.from(subcommand)));
}

const standard = new CommandRules([], []);

const ALWAYS_DENIED = [
  'CONFIG',
  'CONFIG SET',
  'CONFIG REWRITE',
  'ACL',
  'ACL SETUSER',
  'ACL LIST',
  'ACL GETUSER',
].concat(
  ['MIGRATE', 'REPLICAOF', 'SLAVEOF', 'SYNC', 'PSYNC', 'REPLCONF', 'FAILOVER', 'DEBUG', 'MODULE', 'SHUTDOWN'],
  ['ACL GENPASS', 'CLUSTER', 'CLUSTER MEET', 'CLUSTER REPLICATE', 'SENTINEL SET', 'SENTINEL CONFIG', 'config|get'],
);

for (const text of ALWAYS_DENIED) {
  test(`${text} is denied, in any spelling`, () => {
    const mixed = [...text].map((c, i) => (i % 2 === 0 ? c.toUpperCase() : c.toLowerCase())).join('');
    for (const spelling of [text, text.toLowerCase(), mixed]) assert.equal(verdict(standard, spelling), 'deny');
    const [name = '', subcommand = ''] = text.split(' ');
    assert.equal(verdict(standard, `${name}\0x ${subcommand}`), 'deny');
  });
}

test('everything else passes, and the login is broker’s', () => {
  for (const text of 'GET,set,CLUSTER SLOTS,ACL WHOAMI,acl cat,EVAL,FCALL,SCRIPT LOAD,FUNCTION LOAD,QUIT,,nope'.split(
    ',',
  ))
    assert.equal(verdict(standard, text), 'pass', text);
  assert.equal(verdict(standard, 'Auth'), 'auth');
  assert.equal(verdict(standard, 'hello'), 'hello');
  assert.equal(verdict(standard, 'RESET'), 'reset');
  assert.equal(verdict(standard, 'CONFIG GET'), 'names');
});

for (const [what, allow, deny, passes, denied] of [
  [
    'a deny list',
    [],
    ['flush*', 'client|kill'],
    ['GET', 'CLIENT LIST', 'SCRIPT EXISTS'],
    ['FLUSHALL', 'flushdb', 'CLIENT KILL'],
  ],
  [
    'scripts under a deny list',
    [],
    ['keys'],
    ['GET'],
    ['KEYS', 'EVAL', 'evalsha_ro', 'FCALL', 'FUNCTION', 'SCRIPT LOAD'],
  ],
  [
    'an allow list',
    ['get', 'client|setinfo'],
    [],
    ['GET', 'CLIENT SETINFO'],
    ['SET', 'CLIENT LIST', 'CLIENT', 'EVAL', 'CONFIG GET'],
  ],
  ['a wildcard', ['*'], [], ['GET', 'PING', 'anything'], ['EVAL', 'CONFIG SET', 'SHUTDOWN', 'SCRIPT LOAD']],
  [
    'a command denied by default and allowed by name',
    ['*', 'config|set', 'debug'],
    [],
    ['CONFIG SET', 'DEBUG'],
    ['CONFIG REWRITE'],
  ],
  ['both lists: deny wins', ['*', 'config'], ['config|set'], ['CONFIG RESETSTAT'], ['CONFIG SET']],
  ['scripts by name', ['get', 'eval', 'script|load'], [], ['EVAL', 'SCRIPT LOAD'], ['EVALSHA', 'SCRIPT FLUSH']],
  ['a list against the login', ['get'], ['auth', 'quit', '*'], ['QUIT'], ['GET']],
] as const) {
  test(`lists: ${what}`, () => {
    const rules = new CommandRules(allow, deny);
    for (const text of passes) assert.equal(verdict(rules, text), 'pass', text);
    for (const text of denied) assert.equal(verdict(rules, text), 'deny', text);
    assert.equal(verdict(rules, 'AUTH'), 'auth');
  });
}

test('what is remembered of names is bounded', () => {
  const rules = new CommandRules(['get'], []);
  for (let i = 0; i < 5_000; i++) assert.equal(verdict(rules, `x${i}`), 'deny');
  assert.equal(verdict(rules, 'get'), 'pass');
});

test('a denial names the command and the reason, and nothing that the client chose', () => {
  assert.equal(standard.denial('config', 'set'), 'CONFIG SET (denied by broker: it reveals or changes credentials)');
  assert.equal(standard.denial('acl', 'x\r\n+OK'), 'ACL (denied by broker: it reveals or changes credentials)');
  assert.match(standard.denial('config', 'get'), /a setting that is or may be secret/);
  assert.match(new CommandRules([], ['keys']).denial('keys', undefined), /by this service/);
});

test('CONFIG GET is for plain names of settings that are no secret', () => {
  const open = (...names: string[]): boolean => areOpenSettings(names.map((name) => Buffer.from(name)));
  assert(open('save', 'appendonly', 'maxmemory-policy', 'notify-keyspace-events', 'Databases'));
  for (const name of [
    'requirepass',
    'RequirePass',
    'masterauth',
    'masteruser',
    'tls-key-file-pass',
    'aclfile',
    'save*',
  ])
    assert(!open('save', name), name);
  for (const name of ['*', '?ave', '[r]equirepass', '\\save', 'save\0', 'requirepass\0', '']) assert(!open(name), name);
});
