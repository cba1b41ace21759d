/** Every bound in one place, with unit and source. "At most" means the value itself is still accepted. */

/** Milliseconds to reach and log in to an upstream, all hops together (PEERS §1: dial 15 s, login 20 s). */
export const OPEN_TIMEOUT_MS = 20_000;
/** Milliseconds for one address of a name that has several. */
export const DIAL_ATTEMPT_MS = 5_000;
/** Milliseconds of a server's silence after which it is looked into why. */
export const SUSPECT_MS = 3_000;
/** Milliseconds for a local client to finish its handshake. */
export const GREET_TIMEOUT_MS = 30_000;
/** Default and largest milliseconds that a lease waits for its first client (DESIGN §5). */
export const ACCEPT_TIMEOUT_MS = 30_000;
export const MAX_ACCEPT_TIMEOUT_MS = 300_000;
/** Default milliseconds a session lives (MECHANISMS §1). */
export const LIFETIME_MS = 8 * 3600_000;
/** Live upstream connections of one service at a time (MECHANISMS §1). */
export const MAX_LIVE_UPSTREAMS = 100;
/** Milliseconds a spare may wait, counted from the last use of its service, and its largest age. */
export const SPARE_LINGER_MS = 60_000;
export const SPARE_MAX_AGE_MS = 300_000;
/** Milliseconds that a shared connection is kept when nobody uses it. */
export const TRUNK_IDLE_MS = 60_000;
/** Logins of one service to its server that are under way at a time (MECHANISMS §5; sshd's MaxStartups begins to drop at 10). */
export const MAX_HANDSHAKES = 4;
/** Times that a login is begun again which a server dropped while it took others, and milliseconds before the first of them. */
export const MAX_DROPPED = 4;
export const DROPPED_REST_MS = 100;
/** Milliseconds after which the spare that a client got is replaced: by then most have had their first answer. */
export const SPARE_DELAY_MS = 25;
/** Milliseconds before a local port may be handed out again (MECHANISMS §1). */
export const PORT_REST_MS = 300_000;
/** Milliseconds that an ended connection may still take to read its goodbye. */
export const DRAIN_MS = 1_000;
/** Milliseconds that a client may still take to close after its server did. */
export const UPSTREAM_FINISHED_MS = 30_000;
/** Longest unix socket path in bytes: sun_path holds 108 with its NUL (unix(7)). */
export const MAX_SOCKET_PATH = 107;
/** Bytes of one stored credential file (PEERS §7). */
export const MAX_FILE_BYTES = 5 * 1024 * 1024;
/** Bytes of an upstream's own error text that may be quoted to a caller (STYLE rule 9). */
export const MAX_QUOTED_BYTES = 200;
/** Bytes a Conn buffers ahead of its reader while a handshake is under way. */
export const CONN_BUFFER_BYTES = 256 * 1024;
/** Free text a caller gives as a reason, in characters. */
export const MAX_REASON_CHARS = 500;
