import type { Broker } from './broker.ts';
import { print, say } from './progress.ts';
import { type Place, search } from './search.ts';
import type { Seen } from './session.ts';

/** Whatever the clients, or anybody who reads along, got to see. */
export async function everythingVisible(broker: Broker, clients: readonly Seen[]): Promise<Place[]> {
  const audit = await broker.admin(['audit', 'query', '--json']);
  const [config, home] = await Promise.all([broker.files('config'), broker.files('home')]);
  return [
    ...clients.flatMap(({ client, environment, commandLine, up, down }) => [
      place(`environment of ${client}`, count(parts(environment), 'variable'), environment),
      place(`command line of ${client}`, count(parts(commandLine), 'word'), commandLine),
      place(`bytes from ${client} to broker`, 'captured', up),
      place(`bytes from broker to ${client}`, 'captured', down),
    ]),
    place('output of every broker command', count(broker.commands, 'command'), Buffer.concat([...broker.printed])),
    place('folder of the client (token)', count(config.size, 'file'), joined(config)),
    place('audit log', count(audit.trim().split('\n').length, 'record'), Buffer.from(audit)),
    place('folder of the daemon (vault, logs)', count(home.size, 'file'), joined(home)),
  ];
}

/** Prints what was searched. @throws Error that names every place where the password is. */
export function prove(password: string, places: readonly Place[]): void {
  const results = search(password, places);
  const total = places.reduce((sum, { bytes }) => sum + bytes.length, 0);
  say(
    `searched ${grouped(total)} bytes for the password, as it is, in halves, as base64, hex, URL-encoded and UTF-16:`,
  );
  for (const { place, forms } of results) {
    const verdict = forms.length === 0 ? 'not there' : 'FOUND    ';
    const bytes = `${grouped(place.bytes.length)} bytes`.padStart(13);
    print(`          ${verdict}  ${place.name.padEnd(34)} ${place.extent.padEnd(13)} ${bytes}`);
  }
  const leaks = results.filter(({ forms }) => forms.length > 0);
  if (leaks.length === 0) return;
  const named = leaks.map(({ place, forms }) => `the password is in the ${place.name} (${forms.join(', ')})`);
  throw new Error(named.join('\n'));
}

/** A place that is empty was not seen, and proves nothing. */
function place(name: string, extent: string, bytes: Buffer): Place {
  if (bytes.length === 0) throw new Error(`the ${name} could not be seen, so nothing is shown about it`);
  return { name, extent, bytes };
}

/** Something between the files, so that nothing is found across two of them. */
function joined(files: ReadonlyMap<string, Buffer>): Buffer {
  return Buffer.concat([...files].flatMap(([path, bytes]) => [Buffer.from(`\n${path}\n`), bytes]));
}

function parts(bytes: Buffer): number {
  return bytes.toString('latin1').split('\0').filter(Boolean).length;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function grouped(n: number): string {
  return n.toLocaleString('en');
}
