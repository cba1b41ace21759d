import { domainToASCII } from 'node:url';
import { globMatches } from '../../core/glob.ts';

/**
 * Who may send to whom: the envelope of a mail (MAIL FROM, RCPT TO) against a service's lists. Pure. What the mail's
 * own headers say is not looked at.
 */
export interface Policy {
  readonly allow_from: readonly string[];
  readonly allow_to: readonly string[];
}

export function hasPolicy(policy: Policy): boolean {
  return policy.allow_from.length > 0 || policy.allow_to.length > 0;
}

/** Sentences about entries that could never match. */
export function policyProblems(policy: Policy): string[] {
  const bad = (entry: string): boolean => !(entry === '<>' || /^[^\s@<>%!"\\]+@[^\s@<>]+$|^[^\s@<>]+$/.test(entry));
  return (['allow_from', 'allow_to'] as const).flatMap((name) =>
    policy[name]
      .filter(bad)
      .map((entry) => `${name} has an entry that is no address and no domain: ${entry.slice(0, 80)}`),
  );
}

/** A path of an envelope: the address, '' for the null sender; undefined for what the strict grammar refuses. */
export interface Envelope {
  readonly verb: 'MAIL' | 'RCPT';
  readonly address: string;
}

/**
 * `MAIL FROM:<path> parameters`, `RCPT TO:<path> parameters` (RFC 5321 §4.1.2) without CRLF. Only what every server reads
 * alike: no source routes, no quoted local parts, no `%` and `!` that route, no space behind the colon.
 * @returns undefined for everything else.
 */
export function readEnvelope(line: string): Envelope | undefined {
  const match =
    /^(?:(MAIL) FROM|(RCPT) TO):<([^<>\s"\\,:;()\p{Cc}]*)>((?: [A-Za-z0-9][A-Za-z0-9-]*(?:=[^\s=\p{Cc}]+)?)*)$/iu.exec(
      line,
    );
  if (!match) return undefined;
  const verb = match[1] ? 'MAIL' : 'RCPT';
  const path = match[3] ?? '';
  if (path === '') return verb === 'MAIL' ? { verb, address: '' } : undefined;
  const [local = '', domain = '', ...more] = path.split('@');
  if (more.length > 0 || /[%![\]]/.test(local) || !/^[^.]+(\.[^.]+)*$/.test(local)) return undefined;
  return isDomain(domain) ? { verb, address: path } : undefined;
}

/** Whether the policy lets this sender or recipient through. */
export function allows(policy: Policy, envelope: Envelope): boolean {
  const list = envelope.verb === 'MAIL' ? policy.allow_from : policy.allow_to;
  if (list.length === 0) return true;
  if (envelope.address === '') return list.includes('<>');
  const [local = '', domain = ''] = envelope.address.toLowerCase().split('@');
  const host = ascii(domain);
  return list.some((entry) => {
    const [name, place] = entry.toLowerCase().split('@');
    if (place === undefined) return globMatches(ascii(name ?? ''), host);
    return globMatches(name ?? '', local) && globMatches(ascii(place), host);
  });
}

/** A name, or an address literal `[192.0.2.1]`, `[IPv6:2001:db8::1]` (which has a colon and is refused above). */
function isDomain(domain: string): boolean {
  if (/^\[[\d.]+\]$/.test(domain)) return true;
  return (
    domain.length <= 253 && /^[\p{L}\p{N}]([\p{L}\p{N}\p{M}-]*)(\.[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*)*$/u.test(domain)
  );
}

/** Two spellings of one domain are one (RFC 5891); `*` and literals stay as they are. */
function ascii(domain: string): string {
  return /^[\w.*[\]-]+$/.test(domain) ? domain : domainToASCII(domain);
}
