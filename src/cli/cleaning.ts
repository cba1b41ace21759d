/** An environment without what looks like a secret in it. */
export interface Cleaned {
  readonly env: Readonly<Record<string, string>>;
  /** Names of what was left out, in the order of the alphabet. */
  readonly dropped: readonly string[];
}

/** Names that stand for credentials, or for ways to get at some, whatever their value looks like. */
const NAMED = new Set([
  'PGPASSWORD',
  'PGPASSFILE',
  'PGSERVICEFILE',
  'MYSQL_PWD',
  'REDISCLI_AUTH',
  'SSHPASS',
  'SSH_AUTH_SOCK',
  'SSH_AGENT_PID',
  'SSH_ASKPASS',
  'GIT_ASKPASS',
  'SUDO_ASKPASS',
  'GPG_AGENT_INFO',
  'KRB5CCNAME',
  'KUBECONFIG',
  'NETRC',
  'CURL_HOME',
  'SSLKEYLOGFILE',
  'GNOME_KEYRING_CONTROL',
]);

/** Anywhere in a name: these words mean nothing else, save for what OTHERWISE says. */
const WORDS = /PASSW|PASSPHRASE|PASSCODE|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL/i;
/** As a word of a name between underscores. */
const PARTS =
  /(?:^|_)(?:KEYS?|PASS|PWD|PAT|AUTH|AUTHORIZATION|COOKIES?|BEARER|JWT|DSN|CREDS?|SAS|CONNECTION_STRING)(?:_|$)/i;
/** Names that have such a word and are innocent. */
const OTHERWISE = /^(?:PWD|OLDPWD)$|TOKENIZ|^(?:COLOR|TERM)_/i;
/** Of tokens and keys a number or a switch tells how many or whether; of passwords it may be one. */
const HARMLESS = /^(?:true|false|yes|no|on|off|\d{1,7})$/i;
const PASSWORDS = /PASS|PWD|SECRET|CRED/i;

/** What keys look like by themselves: prefixes that vendors chose so that scanners find them. */
const SHAPES: readonly RegExp[] = [
  /\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{16,}/,
  /\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}/,
  /\bgl(?:pat|ptt|soat|rt|dt|cbt|agent)-[A-Za-z0-9_-]{16,}/,
  /\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{16,}/,
  /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  /\bAGE-SECRET-KEY-1/,
  /\b(?:npm|hf|gsk|shpat|shpss|dop_v1|doo_v1|pypi|figd|lin_api|ntn|secret|whsec|brk)[-_][A-Za-z0-9_-]{16,}/,
  /\bSG\.[A-Za-z0-9_-]{16,}\./,
  /\bATATT[A-Za-z0-9_=-]{16,}/,
  /^(?:Bearer|Basic|Token) +\S{8,}/i,
  /(?:^|[;&?\s])(?:password|passwd|pwd|secret|token|api[-_]?key|accountkey|sharedaccesskey|sig)=[^;&\s]{4,}/i,
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
];

/** Bits a character from which on a word is nothing that a person would write. */
const RANDOM_BITS = 3.7;
const RANDOM_CHARS = 24;
const HEX_CHARS = 32;

/**
 * The environment for a program that must hold no credential: whatever looks like one by its name or its value is gone,
 * and so is everything of broker's own. It errs on the side of leaving out; `keep` names what stays all the same.
 */
export function cleaned(env: NodeJS.ProcessEnv, keep: readonly string[]): Cleaned {
  const kept: Record<string, string> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (keep.includes(name) || !(isSecretName(name, value) || isSecretValue(value))) kept[name] = value;
    else dropped.push(name);
  }
  return { env: kept, dropped: dropped.sort() };
}

/** Whether a variable of this name holds a credential, or leads to one. */
export function isSecretName(name: string, value: string): boolean {
  if (NAMED.has(name) || name.startsWith('BROKER_')) return true;
  if (OTHERWISE.test(name)) return false;
  if (!WORDS.test(name) && !PARTS.test(name)) return false;
  return PASSWORDS.test(name) ? value !== '' : !HARMLESS.test(value) && value !== '';
}

/** Whether a value has the shape of a credential, or one in it. */
export function isSecretValue(value: string): boolean {
  return SHAPES.some((shape) => shape.test(value)) || isRandom(value);
}

/** One long word without the look of a path, a host or a UUID, in which no character says anything of the next. */
function isRandom(value: string): boolean {
  if (/^[0-9a-f]+$/i.test(value)) return value.length >= HEX_CHARS && /[a-f]/i.test(value) && /\d/.test(value);
  if (value.length < RANDOM_CHARS || !/^[A-Za-z0-9+/_=-]+$/.test(value)) return false;
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) return false;
  if (/^[/.~]/.test(value) && !value.endsWith('=')) return false;
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter((each) => each.test(value)).length;
  return classes === 3 && bitsPerCharacter(value) >= RANDOM_BITS;
}

/** Shannon's entropy of the characters. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
