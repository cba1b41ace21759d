import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Stage } from '../stage.ts';
import { ROOT } from '../stage.ts';

/** A way to the database, for clients on 127.0.0.1. */
export interface Route {
  readonly port: number;
  /** What this way wants as a password; broker's wants none. */
  readonly password?: string;
}

/** A Node process that does nothing but `pipe()`. */
export async function barePipe(stage: Stage, port: number): Promise<Route> {
  const child = stage.helper(process.execPath, ['--import', 'tsx', join(ROOT, 'bench/peers/pipe.ts'), String(port)]);
  if (!child.stdout) throw new Error('no output');
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(first.toString()), password: stage.facts.postgres.logins.scram.password };
}

/** haproxy in TCP mode, where it is installed. */
export async function haproxy(stage: Stage, port: number): Promise<Route | undefined> {
  const file = onPath('haproxy');
  if (!file) return undefined;
  const local = await freePort();
  const config = join(stage.folder, 'haproxy.cfg');
  await writeFile(
    config,
    `global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\nlisten pg\n  bind 127.0.0.1:${local}\n  server pg 127.0.0.1:${port}\n`,
  );
  stage.helper(file, ['-db', '-f', config]);
  await answering(local);
  return { port: local, password: stage.facts.postgres.logins.scram.password };
}

/** pgbouncer with session pooling and a login of its own, where it is installed. It refuses to run as root. */
export async function pgbouncer(stage: Stage, port: number): Promise<Route | undefined> {
  const file = onPath('pgbouncer');
  if (!file) return undefined;
  const local = await freePort();
  const { logins, databases } = stage.facts.postgres;
  const config = join(stage.folder, 'pgbouncer.ini');
  const users = join(stage.folder, 'pgbouncer.users');
  const { user, password } = logins.scram;
  await writeFile(users, `"${user}" "${password}"\n`);
  await writeFile(
    config,
    `[databases]\n${databases.app} = host=127.0.0.1 port=${port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${local}\nauth_type = scram-sha-256\nauth_file = ${users}\npool_mode = session\nunix_socket_dir =\nlogfile =\nverbose = 0\nserver_tls_sslmode = disable\n`,
  );
  for (const path of [stage.folder, config, users]) await chmod(path, 0o755);
  const { uid, gid } = stage.facts.account;
  const asUser = process.getuid?.() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] : [];
  const [first = file, ...rest] = [...asUser, file, '-q', config];
  stage.helper(first, rest);
  await answering(local);
  return { port: local, password };
}

/** nginx, one worker, that sets the same header and keeps its connections, where it is installed. */
export async function nginx(stage: Stage, upstream: number): Promise<number | undefined> {
  const file = onPath('nginx');
  if (!file) return undefined;
  const local = await freePort();
  const config = join(stage.folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(stage.folder, `nginx-${name}`)};`)
    .join('\n');
  await writeFile(
    config,
    `daemon off;\nworker_processes 1;\npid ${join(stage.folder, 'nginx.pid')};\nerror_log stderr crit;\nevents {}\nhttp {\n  access_log off;\n${temporary}\n  upstream api { server 127.0.0.1:${upstream}; keepalive 64; }\n  server {\n    listen 127.0.0.1:${local};\n    client_max_body_size 0;\n    location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer a-secret-of-the-bench"; }\n  }\n}\n`,
  );
  stage.helper(file, ['-c', config, '-e', 'stderr']);
  await answering(local);
  return local;
}

/** mitmdump as a reverse proxy that sets the same header, where it is installed. */
export async function mitmdump(stage: Stage, upstream: number): Promise<number | undefined> {
  const file = onPath('mitmdump');
  if (!file) return undefined;
  const local = await freePort();
  const mode = ['--mode', `reverse:http://127.0.0.1:${upstream}`, '--listen-host', '127.0.0.1'];
  const header = ['--modify-headers', '/~q/Authorization/Bearer a-secret-of-the-bench'];
  const home = ['--set', `confdir=${join(stage.folder, 'mitmproxy')}`, '--set', 'flow_detail=0', '-q'];
  stage.helper(file, [...mode, '--listen-port', String(local), ...header, ...home]);
  await answering(local);
  return local;
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Until the port takes connections; 10 s at most. */
async function answering(port: number): Promise<void> {
  const { connect } = await import('node:net');
  const deadline = Date.now() + 10_000;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    if (Date.now() > deadline) throw new Error(`nothing answers on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
