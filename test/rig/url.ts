import { row, type ServerName } from './table.ts';

/** A server that runs elsewhere: where it answers, and where its files are on this machine. */
export interface Elsewhere {
  readonly host: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly files: Readonly<Record<string, string>>;
}

/** The environment variable that names a server which runs elsewhere: postgresClear has BROKER_TEST_POSTGRES_CLEAR_URL. */
export function variableOf(name: ServerName): string {
  return `BROKER_TEST_${snake(name).toUpperCase()}_URL`;
}

/**
 * Reads such a variable: `postgres://db.test:5432?socket_directory=/run/pg`. Its port is the first of the table's row;
 * the query has the others and the files, in snake case. Logins and databases are the table's.
 * @throws Error that names the variable and everything that is wrong with it.
 */
export function parseServerUrl(name: ServerName, text: string): Elsewhere {
  const { scheme, ports, files } = row(name);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.protocol !== `${scheme}:` || url.hostname === '') {
    throw new Error(`${variableOf(name)} must look like ${scheme}://HOST:PORT`);
  }
  const problems: string[] = [];
  if (url.username !== '' || url.password !== '') problems.push('the logins are those of test/rig/table.ts');
  const known = new Set([...Object.keys(ports).slice(1), ...Object.keys(files)].map(snake));
  for (const key of url.searchParams.keys()) if (!known.has(key)) problems.push(`unknown: ${key}`);
  for (const key of known) if (!url.searchParams.has(key)) problems.push(`missing: ${key}=`);

  const numbers = Object.entries(ports).map(([port, usual], index) => {
    const given = index === 0 ? url.port || String(usual) : (url.searchParams.get(snake(port)) ?? '1');
    if (!/^[1-9]\d{0,4}$/.test(given)) problems.push(`${snake(port)} is no port: ${given}`);
    return [port, Number(given)] as const;
  });
  if (problems.length > 0) throw new Error(`${variableOf(name)}: ${problems.join('; ')}`);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    ports: Object.fromEntries(numbers),
    files: Object.fromEntries(Object.keys(files).map((file) => [file, url.searchParams.get(snake(file)) ?? ''])),
  };
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
