import type { HttpKind } from './kind.ts';
import { basic } from './kinds/basic.ts';
import { bearer } from './kinds/bearer.ts';
import { header } from './kinds/header.ts';
import { query } from './kinds/query.ts';
import { url } from './kinds/url.ts';

/** Every kind of HTTP service, by name: one line each. */
export const httpKinds: ReadonlyMap<string, HttpKind> = new Map<string, HttpKind>([
  [bearer.kind, bearer], //
  [header.kind, header],
  [basic.kind, basic],
  [url.kind, url],
  [query.kind, query],
]);
