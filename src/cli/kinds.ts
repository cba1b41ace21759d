/** Kinds that help and completion know while the daemon is down. The daemon has the last word: see `broker kinds`. */
export const KNOWN_KINDS: readonly (readonly [kind: string, title: string])[] = [
  ['postgres', 'PostgreSQL'],
  ['redis', 'Redis'],
  ['imap', 'IMAP'],
  ['smtp', 'SMTP'],
  ['ssh', 'SSH'],
];
