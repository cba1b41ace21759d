/**
 * Queries a database whose password it does not have:
 *
 *     broker up
 *     broker service add app-db --kind postgres --host db --user app --password-stdin
 *     npx tsx query.ts app-db 'select now()'
 */
import { BrokerError, connect } from 'authbroker';
import pg from 'pg';

const [service = 'app-db', query = 'select current_user'] = process.argv.slice(2);

const broker = connect(); // the daemon and the token that `broker up` left for this user
try {
  const session = await broker.sessions.open({ service, kind: 'postgres', reason: 'example' });
  // The session is logged in already. It takes one client, this one.
  const db = new pg.Client({ connectionString: session.hint?.url });
  await db.connect();
  const { rows } = await db.query(query);
  console.log(JSON.stringify(rows));
  await db.end();
} catch (error) {
  if (!(error instanceof BrokerError)) throw error;
  console.error(`${error.code}: ${error.message}`); // such as locked, denied, not_found, unavailable
  if (error.hint) console.error(error.hint);
  process.exitCode = 1;
} finally {
  broker.close();
}
