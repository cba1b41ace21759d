import { toMillis } from '../../core/rpc.ts';
import { adminClient } from '../admin.ts';
import { advise, print, printable, printJson, say, table } from '../output.ts';

interface Options {
  readonly clear?: boolean;
  readonly json?: boolean;
  readonly passwordFile?: string;
}

/** `broker service cookies NAME [--clear]`: names and ends of what is kept for an HTTP service, never values. */
export async function cookies(name: string, options: Options): Promise<number> {
  using client = await adminClient(options.passwordFile);
  if (options.clear) {
    const { cleared } = await client.services.clearCookies({ name });
    say(`${name}: ${cleared === 1 ? '1 cookie' : `${cleared} cookies`} thrown away`);
    return 0;
  }
  const kept = (await client.services.listCookies({ name })).cookies.map((cookie) => ({
    name: cookie.name,
    domain: cookie.domain,
    path: cookie.path,
    expires_at: cookie.expiresAt ? new Date(toMillis(cookie.expiresAt) ?? 0).toISOString() : undefined,
    token: cookie.token || undefined,
  }));
  if (options.json) {
    printJson(kept);
    return 0;
  }
  const rows = kept.map((cookie) =>
    [cookie.name, cookie.domain, cookie.path, cookie.expires_at ?? 'at the lock', cookie.token ?? '-'].map(printable),
  );
  print(table(['NAME', 'DOMAIN', 'PATH', 'ENDS', 'TOKEN'], rows));
  if (kept.length > 0) advise(`to throw them away: broker service cookies ${name} --clear`);
  return 0;
}
