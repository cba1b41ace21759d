import type { HttpKind } from './kind.ts';
import { awsSigV4 } from './kinds/aws_sigv4.ts';
import { basic } from './kinds/basic.ts';
import { bearer } from './kinds/bearer.ts';
import { header } from './kinds/header.ts';
import { jwt } from './kinds/jwt.ts';
import { oauth2Client } from './kinds/oauth2_client.ts';
import { clientCredentials } from './kinds/oauth2_client_credentials.ts';
import { query } from './kinds/query.ts';
import { serviceAccount } from './kinds/service_account.ts';
import { url } from './kinds/url.ts';

/** Every kind of HTTP service, by name: one line each. */
export const httpKinds: ReadonlyMap<string, HttpKind> = new Map<string, HttpKind>([
  [bearer.kind, bearer], //
  [header.kind, header],
  [basic.kind, basic],
  [url.kind, url],
  [query.kind, query],
  [oauth2Client.kind, oauth2Client],
  [clientCredentials.kind, clientCredentials],
  [serviceAccount.kind, serviceAccount],
  [awsSigV4.kind, awsSigV4],
  [jwt.kind, jwt],
]);
