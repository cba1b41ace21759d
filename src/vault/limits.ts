/** Bounds of the vault, with unit and reason. "At most" means the value itself is still accepted. */

/** Bytes of the whole vault file. Each save rewrites it; a dozen of the largest credential files still fit. */
export const MAX_VAULT_BYTES = 64 * 1024 * 1024;
/** Characters a new master password has at least (PEERS §7). */
export const MIN_PASSWORD_CHARS = 8;
/** Bytes of a password; more is a file given by mistake. */
export const MAX_PASSWORD_BYTES = 4096;
/** Bytes of a key that opens a slot. A key file is not stretched, so it must be random: 256 bits of it. */
export const MIN_KEY_BYTES = 32;
export const MAX_KEY_BYTES = 64 * 1024;
/** Slots of one vault, the password's included. */
export const MAX_SLOTS = 16;
/** UTF-8 bytes of a slot's label. */
export const MAX_LABEL_BYTES = 64;
/** UTF-8 bytes of a record's or a secret's name (file names are the longest: 255, PEERS §7). */
export const MAX_NAME_BYTES = 255;
/** Bytes of one stored secret: a credential file of 5 MiB (PEERS §7) fits. */
export const MAX_SECRET_BYTES = 5 * 1024 * 1024;
/** Levels of nesting in a record's fields. */
export const MAX_FIELD_DEPTH = 32;

/** What a file may ask argon2id for, so that a hostile one cannot take all memory or hours of work. */
export const MAX_KDF = { timeCost: 16, memoryKiB: 512 * 1024, parallelism: 16 } as const;

/** Wrong attempts that stay free of waiting; from the next on each one doubles the wait. */
export const FREE_FAILURES = 2;
/** Milliseconds: the first wait, the longest one, and the longest one for the daemon's own user. */
export const FIRST_WAIT_MS = 1_000;
export const MAX_WAIT_MS = 300_000;
export const MAX_OWNER_WAIT_MS = 5_000;
/** Milliseconds after which a caller's failures are forgotten. */
export const FORGET_FAILURES_MS = 3600_000;
/** Callers remembered at a time. */
export const MAX_CALLERS = 1024;
