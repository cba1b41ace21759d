import { row, SERVER_NAMES, SERVERS, type ServerName } from './table.ts';

/** Where a container keeps the servers' key: PostgreSQL wants to own the file. */
export const CONTAINER_KEY = '/var/run/server.key';
export const CONTAINER_SOCKETS = '/var/run/postgresql';
/** Who owns the mailboxes inside the containers. */
export const CONTAINER_MAIL = { name: 'broker_rig_mail', uid: 5000, gid: 5000 };

/** The rig's folder: the same path inside and outside, so that one configuration serves both. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: docker compose fills it in
const RIG = '${BROKER_RIG_DIRECTORY}';

/** docker-compose.test.yml: the servers of the table, each configured by the files that the local rig writes too. */
export function composeFile(): string {
  const services = SERVER_NAMES.map((name) => {
    const ports = Object.values(row(name).ports);
    const mounts = [`${RIG}:${RIG}`, ...socketMount(name)];
    return `  ${name}: # ${row(name).version}
    image: ${row(name).image}
    init: true
    entrypoint: ["bash", "-c"]
    command:
      - |-
${commands(name)
  .map((line) => `        ${line}\n`)
  .join('')}${environment(name)}    ports: [${ports.map((port) => `"127.0.0.1::${port}"`).join(', ')}]
    volumes: [${mounts.map((mount) => `"${mount}"`).join(', ')}]
    healthcheck:
      test: ["CMD", "bash", "-c", "${ports.map((port) => `exec 3<>/dev/tcp/127.0.0.1/${port}`).join(' && ')}"]
      interval: 1s
      retries: 180
`;
  });
  return `# Made from test/rig/table.ts by \`npm run compose\`; npm run check compares. \`npm test\` writes the configuration into
# BROKER_RIG_DIRECTORY and starts these where docker answers; Docker chooses the ports on this machine.
services:
${services.join('\n')}`;
}

function environment(name: ServerName): string {
  if (row(name).scheme !== 'postgres') return '';
  return `    environment: { POSTGRES_PASSWORD: ${SERVERS.postgres.logins.superuser.password}, POSTGRES_INITDB_ARGS: "--locale=C" }\n`;
}

function socketMount(name: ServerName): string[] {
  return row(name).scheme === 'postgres' ? [`${RIG}/${row(name).files.socketDirectory}:${CONTAINER_SOCKETS}`] : [];
}

/** What a container runs, one line each. */
function commands(name: ServerName): string[] {
  const home = `${RIG}/${name}`;
  if (row(name).scheme === 'postgres') {
    return [
      'set -e',
      `chown postgres ${CONTAINER_SOCKETS}`,
      `install -o postgres -m 600 ${RIG}/tls/server.key ${CONTAINER_KEY}`,
      `exec docker-entrypoint.sh postgres -c config_file=${home}/postgresql.conf`,
    ];
  }
  if (row(name).scheme === 'redis') return [`exec redis-server ${home}/redis.conf`];
  const packages = Object.values(row(name).programs).join(' ');
  const { uid, name: mail } = CONTAINER_MAIL;
  const mailUser = `useradd --system --uid ${uid} --user-group --shell /usr/sbin/nologin ${mail}`;
  const { user, password } = SERVERS.openssh.logins.ssh;
  const rest = {
    dovecot: [mailUser, `chown -R ${mail} ${home}/mail`, `exec dovecot -F -c ${home}/dovecot.conf`],
    postfix: [
      mailUser,
      `chown -R ${mail} ${home}/mail`,
      `chown postfix ${home}/data`,
      `chown -R root ${home}/etc ${home}/queue`,
      `exec postfix -c ${home}/etc start-fg`,
    ],
    openssh: [
      `useradd --no-create-home --shell /bin/bash ${user}`,
      `echo '${user}:${password}' | chpasswd`,
      `chown ${user} ${home}/files`,
      `chown root ${home}/hostkey`,
      'mkdir -p /run/sshd',
      `exec /usr/sbin/sshd -D -f ${home}/sshd_config -E ${home}/log`,
    ],
  }[name as 'dovecot' | 'postfix' | 'openssh'];
  return [
    'set -e',
    'apt-get update',
    `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages}`,
    ...rest,
  ];
}
