import type { ConfigSpec } from '../../src/core/config.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { rig } from './rig.ts';

/** A mail service's configuration: fields over what reaches the rig's server, and its secrets. */
export function mailConfig<C>(
  spec: ConfigSpec<C>,
  server: 'dovecot' | 'postfix',
  fields: JsonObject = {},
  secrets: Readonly<Record<string, string>> = {},
): C {
  const { host, logins, ca, port, tlsPort } = rig()[server];
  const login = server === 'dovecot' ? logins.alice : logins.bob;
  const implicit = fields.tls === 'implicit' || (fields.tls === undefined && server === 'dovecot');
  const all = { host, port: implicit ? tlsPort : port, user: login.user, ca: ca.cert, ...fields };
  const stored = Object.entries({ password: login.password, ...secrets }).filter(([, text]) => text !== '');
  return spec.parse(all, new Map(stored.map(([name, text]) => [name, Secret.fromText(text)])));
}
