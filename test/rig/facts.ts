import type { Certificates, Pem } from './certificates.ts';
import type { Login, SERVERS, ServerName } from './table.ts';

type Rows = typeof SERVERS;

/** What a test knows about one server: its address, the CA that its certificate comes from, its logins and files. */
export type ServerFacts<N extends ServerName> = {
  readonly host: string;
  readonly version: string;
  readonly ca: Pem;
  readonly logins: { readonly [L in keyof Rows[N]['logins']]: Login };
  readonly databases: { readonly [D in keyof Rows[N]['databases']]: string };
} & { readonly [P in keyof Rows[N]['ports']]: number } & { readonly [F in keyof Rows[N]['files']]: string };

/** What the rig writes to the file that BROKER_RIG names. */
export type RigFacts = { readonly [N in ServerName]: ServerFacts<N> } & {
  readonly tls: Certificates;
  /** Who the rig's PostgreSQL and Redis run as; for tests that start a program as another user. */
  readonly account: { readonly uid: number; readonly gid: number };
};
