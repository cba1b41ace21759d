import type { ConfigSpec } from './config.ts';

/**
 * A kind of service: its fields and its name. How it is used is another matter: a `Driver` is reached through sessions,
 * an `HttpKind` (src/http/kind.ts) through the HTTP proxy.
 */
export interface Kind<C = unknown> {
  readonly kind: string;
  readonly title: string;
  readonly config: ConfigSpec<C>;
  /** Where it connects to, for messages and audit: `PostgreSQL at db:5432`. Holds no secret. */
  describe(config: C): string;
  /** Whether other services can be reached through one of this kind (`via`). */
  readonly carries?: boolean;
}
