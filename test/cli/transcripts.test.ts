import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { freePorts } from '../rig/port.ts';
import { CLIENT, Issuer } from '../support/oidc.ts';
import { rig } from '../support/rig.ts';
import { parseTranscript, playTranscript } from './transcript.ts';

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
const TERMINAL = resolve(import.meta.dirname, 'terminal.py');
const VISITOR = resolve(import.meta.dirname, 'visitor.ts');
const MASTER_PASSWORD = 'correct horse battery';

/** An HTTP service for the transcripts: says what it was asked, with the headers that it was asked with. */
const echo = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const { authorization } = request.headers;
    response.statusCode = request.url?.endsWith('/missing') ? 404 : 200;
    response.setHeader('Content-Type', 'text/plain');
    response.end(`${request.method} ${request.url}\n${authorization}\n${Buffer.concat(parts)}\n`);
  });
});
/** An authorisation server, for `broker oauth login`. */
let issuer: Issuer;
before(async () => {
  issuer = await Issuer.start();
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await issuer[Symbol.asyncDispose]();
  echo.close();
  echo.closeAllConnections();
});

for (const name of readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt'))) {
  test(`the command line does what ${name} shows`, async () => {
    const steps = parseTranscript(readFileSync(join(import.meta.dirname, name), 'utf8'));
    const [port = 0] = await freePorts(1);
    const stage = new Stage(port);
    try {
      const reports = await playTranscript(steps, stage.folder, stage.env);
      assert.ok(reports.length === 0, `${name}, ${reports.join('\n\n')}`);
    } finally {
      stage.clear();
    }
  });
}

/** A folder with a `broker` command, a home for everything it might write, and the rig's facts as files and variables. */
class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'broker-cli-'));
  readonly env: Readonly<Record<string, string>>;

  constructor(freePort: number) {
    if (!existsSync(MAIN)) throw new Error('there is no dist: npm run build');
    const { openssh, postgres, postgresClear } = rig();
    const bin = join(this.folder, 'bin');
    const home = join(this.folder, 'h');
    for (const dir of [bin, home]) mkdirSync(dir);
    this.#script(join(bin, 'broker'), `exec '${process.execPath}' '${MAIN}' "$@"`);
    this.#script(join(bin, 'terminal'), `exec python3 '${TERMINAL}' "$@"`);
    this.#script(
      join(bin, 'visit'),
      `exec '${process.execPath}' --import '${import.meta.resolve('tsx')}' '${VISITOR}'`,
    );
    const { client_id, client_secret } = CLIENT;
    const urls = { auth_uri: `${issuer.url}/auth`, token_uri: `${issuer.url}/token` };
    writeFileSync(
      join(this.folder, 'client.json'),
      JSON.stringify({ installed: { client_id, client_secret, ...urls, redirect_uris: ['http://localhost'] } }),
    );
    writeFileSync(join(this.folder, 'master'), `${MASTER_PASSWORD}\n`);
    writeFileSync(join(this.folder, 'db-password'), `${postgres.logins.scram.password}\n`);
    const { scram } = postgres.logins;
    this.env = {
      PATH: [bin, process.env.PATH].join(delimiter),
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      BROKER_HOME: join(home, 'broker'),
      BROKER_GRPC: 'off',
      BROKER_HTTP: 'off',
      MASTER: MASTER_PASSWORD,
      DB_HOST: postgres.host,
      DB_PORT: String(postgres.port),
      DB_CA: postgres.ca.certFile,
      DB_USER: scram.user,
      DB_PASSWORD: scram.password,
      DB_NAME: postgres.databases.app,
      SSH_HOST: openssh.host,
      SSH_PORT: String(openssh.port),
      SSH_USER: openssh.logins.ssh.user,
      SSH_KEY: openssh.userKey,
      SSH_HOST_KEY: openssh.hostKey,
      SSH_FOLDER: openssh.directory,
      CLIENT_ID: CLIENT.client_id,
      CLIENT_SECRET: CLIENT.client_secret,
      CLEAR_PORT: String(postgresClear.port),
      ECHO_PORT: String((echo.address() as AddressInfo).port),
      ISSUER: issuer.url,
      BROKER_RIG: process.env.BROKER_RIG ?? '',
      FREE_PORT: String(freePort),
      FOLDER: this.folder,
    };
  }

  /** Ends the daemon if the transcript left one; its own user may do that without a password. */
  clear(): void {
    execFileSync(process.execPath, [MAIN, 'down'], { env: { ...this.env }, stdio: 'pipe' });
    rmSync(this.folder, { recursive: true, force: true });
  }

  #script(path: string, line: string): void {
    writeFileSync(path, `#!/bin/sh\n${line}\n`);
    chmodSync(path, 0o755);
  }
}
