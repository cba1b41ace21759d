import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT, tool } from '../../scripts/command.ts';
import { composeFile } from '../rig/compose.ts';
import { composeArguments, publishedPort } from '../rig/docker.ts';
import { ensurePrograms, installCommand, installScript, missing, programsOf } from '../rig/packages.ts';
import { freePorts } from '../rig/port.ts';
import { startRig } from '../rig/rig.ts';
import { row, SERVER_NAMES } from '../rig/table.ts';
import { parseServerUrl, variableOf } from '../rig/url.ts';

describe('docker-compose.test.yml', () => {
  test('is what the table gives', async () => {
    assert.equal(await readFile(join(ROOT, 'docker-compose.test.yml'), 'utf8'), composeFile());
  });

  test('has a service for every server, of its image, with all of its ports on loopback', async () => {
    const text = await readFile(join(ROOT, 'docker-compose.test.yml'), 'utf8');
    const services = new Map(text.split(/^ {2}(?=\w+:)/m).map((block) => [block.slice(0, block.indexOf(':')), block]));
    for (const name of SERVER_NAMES) {
      const block = services.get(name) ?? '';
      assert.match(block, new RegExp(`^    image: ${row(name).image}$`, 'm'));
      const ports = /^ {4}ports: (.*)$/m.exec(block)?.[1];
      assert.deepEqual(
        JSON.parse(ports ?? '[]'),
        Object.values(row(name).ports).map((port) => `127.0.0.1::${port}`),
      );
    }
    assert.equal([...text.matchAll(/^ {4}image: /gm)].length, SERVER_NAMES.length);
  });

  test('gets a project of its own, and its ports are read from docker', () => {
    assert.deepEqual(composeArguments('broker-rig-x', 'up', '--wait').slice(3), [
      '--project-name',
      'broker-rig-x',
      'up',
      '--wait',
    ]);
    assert.equal(publishedPort('127.0.0.1:49153\n'), 49153);
    for (const answer of ['', '0.0.0.0:49153\n', '127.0.0.1:0\n'])
      assert.throws(() => publishedPort(answer), /answered/);
  });
});

describe('a server elsewhere', () => {
  test('is named by a variable in snake case', () => {
    assert.equal(variableOf('postgres'), 'BROKER_TEST_POSTGRES_URL');
    assert.equal(variableOf('postgresClear'), 'BROKER_TEST_POSTGRES_CLEAR_URL');
  });

  test('has its first port in the authority and everything else in the query', () => {
    assert.deepEqual(parseServerUrl('redis', 'redis://cache.test:7000?tls_port=7001&socket=/run/redis'), {
      host: 'cache.test',
      ports: { port: 7000, tlsPort: 7001 },
      files: { socket: '/run/redis' },
    });
    assert.deepEqual(parseServerUrl('postgres', 'postgres://[::1]?socket_directory=/run/pg'), {
      host: '::1',
      ports: { port: 5432 },
      files: { socketDirectory: '/run/pg' },
    });
  });

  test('is refused with everything that is wrong, if anything is', () => {
    assert.throws(() => parseServerUrl('redis', 'postgres://h:1'), /BROKER_TEST_REDIS_URL must look like redis:/);
    assert.throws(() => parseServerUrl('redis', 'h:6379'), /must look like/);
    assert.throws(
      () => parseServerUrl('redis', 'redis://u:p@h:1?colour=red'),
      (error: Error) => {
        for (const words of ['logins are those of', 'unknown: colour', 'missing: tls_port=', 'missing: socket=']) {
          assert.match(error.message, new RegExp(words));
        }
        return true;
      },
    );
    assert.throws(() => parseServerUrl('redis', 'redis://h:1?tls_port=http&socket=/s'), /tls_port is no port: http/);
  });

  test('cannot be used without the certificates that it uses', async () => {
    const env = { BROKER_TEST_REDIS_OPEN_URL: 'redis://127.0.0.1:1' };
    await assert.rejects(startRig('/nowhere/rig.json', { names: ['redisOpen'], env }), /BROKER_TEST_TLS/);
  });
});

describe('missing programs', () => {
  test('are those of the tests, and of the servers that run here', () => {
    assert.ok('psql' in programsOf([]));
    assert.ok(!('dovecot' in programsOf([])));
    assert.equal(programsOf(['dovecot', 'postgres']).dovecot, 'dovecot-imapd');
    assert.equal(programsOf(['dovecot', 'postgres']).initdb, 'postgresql');
  });

  test('are found missing, and the ones that are there are not', async () => {
    assert.deepEqual(await missing({ sh: 'dash', 'no-such-program': 'none' }), ['no-such-program']);
  });

  test('are installed by one command that asks nothing', () => {
    assert.equal(
      installCommand(['postfix', 'redis-server']),
      "sudo sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postfix redis-server'",
    );
  });

  test('are installed by a script that sh can read, which starts no daemon', async () => {
    const script = installScript(['postfix']);
    assert.equal((await tool('sh', ['-n', '-c', script])).code, 0);
    assert.match(script, /exit 101/);
    assert.match(script, /main_mailer_type select No configuration/);
    assert.match(script, /install -y --no-install-recommends postfix\n$/);
  });

  test('fail the run where nothing can install them', async () => {
    const never = { 'no-such-program': 'no-such-package' };
    const lines: string[] = [];
    await assert.rejects(
      ensurePrograms(never, (line) => lines.push(line), '/no/apt-get'),
      /the tests need no-such-program; on Debian:\n.*sudo/,
    );
    assert.deepEqual(lines, []);
  });
});

test('free ports differ from each other and stay below the ephemeral range', async () => {
  const ports = await freePorts(50);
  assert.equal(new Set(ports).size, 50);
  assert.ok(ports.every((port) => port >= 12_000 && port < 32_000));
});

test('a test without servers says how to start them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'broker-norig-'));
  try {
    const file = join(folder, 'ask.mts');
    const support = pathToFileURL(join(ROOT, 'test/support/rig.ts'));
    await writeFile(file, `import { rig } from '${support}';\nrig();\n`);
    const env = [`BROKER_RIG=${join(folder, 'none.json')}`, process.execPath, '--import', 'tsx', file];
    const { code, output } = await tool('/usr/bin/env', env);
    assert.equal(code, 1);
    assert.match(output, /run this through `npm test`, or start them with `npm run rig -- start`/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
