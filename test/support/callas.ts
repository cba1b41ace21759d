import { connect } from '../../src/cli/connect.ts';
import { toBrokerError } from '../../src/core/errors.ts';

/**
 * For `asUser`: calls Vault.Status and Services.List at an address and prints what came of it.
 * Words: ADDRESS, then the token if there is one.
 */
const [address = '', token] = process.argv.slice(2);
using client = connect({ address, ...(token && { token }) });
const answer: Record<string, string> = {};
for (const [name, call] of [
  ['status', async () => (await client.vault.status({}, { timeoutMs: 10_000 })).caller?.name ?? 'nobody'],
  ['list', async () => `${(await client.services.list({}, { timeoutMs: 10_000 })).services.length} services`],
] as const) {
  answer[name] = await call().catch((error: unknown) => toBrokerError(error).code);
}
process.stdout.write(JSON.stringify(answer));
