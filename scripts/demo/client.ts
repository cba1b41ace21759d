/**
 * The client of the demo: node-postgres as anybody would use it. All that it knows is in its environment (PGHOST, PGPORT
 * ...). It runs the query on its standard input, prints the first row, and stays until the input ends, so that it can be
 * looked at.
 */
import { createInterface } from 'node:readline';
import pg from 'pg';

const client = new pg.Client();
await client.connect();
for await (const query of createInterface(process.stdin)) {
  const { rows } = await client.query(query);
  process.stdout.write(`${JSON.stringify(rows[0])}\n`);
}
await client.end();
