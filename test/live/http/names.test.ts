import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { after, before, test } from 'node:test';
import { HttpWorld, Upstream } from '../../support/httpworld.ts';
import { RawUpstream } from '../../support/rawupstream.ts';

/* Names with addresses of all kinds: the resolver is a fake one, in this thread, so that is where connections are made. */

let world: HttpWorld;

before(async () => {
  world = await HttpWorld.start({ 'http-thread': 'off' });
});
after(() => world[Symbol.asyncDispose]());

async function codeOf(path: string): Promise<string> {
  const { headers, body } = await world.ask(path);
  await body.dump();
  return String(headers['x-broker-error']);
}

test('a name is resolved once for each connection, all of its addresses are judged, and only those are dialled', async () => {
  await using upstream = await Upstream.start((_request, response) => void response.end('inside'));
  const real = dns.lookup;
  let answers: string[][] = [];
  let asked = 0;
  const fake = async () => (answers[asked++] ?? answers.at(-1) ?? []).map((address) => ({ address, family: 4 }));
  Object.assign(dns, { lookup: fake });
  syncBuiltinESMExports();
  try {
    const base = `http://rebind.example:${upstream.port}`;
    await world.add('mixed', base, { allow_private: false });
    answers = [['203.0.113.9', '127.0.0.1']];
    assert.equal(await codeOf('mixed/'), 'denied');
    answers = [['1.1.1.1', '127.0.0.1']];
    assert.equal(await codeOf('mixed/'), 'denied');
    answers = [['127.0.0.1', '169.254.169.254']];
    await world.add('meta', base);
    assert.equal(await codeOf('meta/'), 'denied');
    assert.equal(upstream.asked.length, 0);
    asked = 0;
    answers = [['127.0.0.1'], ['169.254.169.254']];
    await world.add('once', base);
    assert.equal(await (await world.ask('once/')).body.text(), 'inside');
    assert.equal(asked, 1);
  } finally {
    Object.assign(dns, { lookup: real });
    syncBuiltinESMExports();
  }
});

test('through a proxy, too, all addresses of the target’s name are judged', async () => {
  await using proxy = await RawUpstream.start();
  const real = dns.lookup;
  const found = [
    { address: '1.1.1.1', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ];
  Object.assign(dns, {
    lookup: async (host: string) => (host === 'mixed.example' ? found : await real(host, { all: true })),
  });
  syncBuiltinESMExports();
  try {
    await world.add('proxied', 'http://mixed.example', { http_proxy: proxy.url, allow_private: false });
    assert.equal(await codeOf('proxied/'), 'denied');
  } finally {
    Object.assign(dns, { lookup: real });
    syncBuiltinESMExports();
  }
});
