import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCESS, type Access } from '../../src/daemon/access.ts';
import { markdownTable } from './section.ts';

/** As the tables name them. */
const WHO: Readonly<Record<Access, string>> = {
  anyone: 'anyone who reaches the daemon',
  token: 'any token, for what it is granted',
  admin: 'admin',
  owner: "admin, or the daemon's own user on the unix socket",
};

/** A table per service: method, who may call it (the daemon's own table), and what the proto file says about it. */
export function methods(protoDir: string): string {
  const folder = join(protoDir, 'broker/v1');
  return readdirSync(folder)
    .sort()
    .flatMap((file) => servicesIn(readFileSync(join(folder, file), 'utf8'), file))
    .join('\n\n');
}

function servicesIn(proto: string, file: string): string[] {
  return [...proto.matchAll(/((?:^\/\/ .*\n)*)^service (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, comment, name, body]) => {
    const calls = [
      ...(body ?? '').matchAll(/((?:^ *\/\/ .*\n)*)^ *rpc (\w+)\((stream )?\w+\) returns \((stream )?\w+\);/gm),
    ];
    const rows = calls.map(([, says, method, up, down]) => {
      const access = ACCESS[`/broker.v1.${name}/${method}`];
      if (!access) throw new Error(`${name}.${method} has no row in src/daemon/access.ts`);
      const streams = up ? (down ? ' (both stream)' : ' (stream up)') : down ? ' (stream down)' : '';
      return [`\`${method}\`${streams}`, WHO[access], sentence(says)];
    });
    return `### ${name}\n\n${sentence(comment)} ([${file}](../proto/broker/v1/${file}))\n\n${markdownTable(['Method', 'Who', 'What'], rows)}`;
  });
}

function sentence(comment: string | undefined): string {
  return (comment ?? '')
    .replaceAll(/^ *\/\/ ?/gm, '')
    .trim()
    .replaceAll('\n', ' ');
}
