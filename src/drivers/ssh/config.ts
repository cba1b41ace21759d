import { configSpec, type Parsed } from '../../core/config.ts';
import { formatHostPort } from '../../core/dial.ts';
import { boolean, list, port, secret, text } from '../../core/field.ts';
import type { Secret } from '../../core/secret.ts';
import { viaField } from '../../core/serverfields.ts';
import { CertificateProblem, isAbout, parseCertificate } from './certificate.ts';
import { HostKeyProblem, type Pins, parseHostKeys, parseKnownHosts } from './hostkey.ts';
import { KeyProblem, parsePrivateKey } from './keys.ts';
import { policyProblems } from './policy.ts';

const shape = {
  host: text({
    doc: 'Name or address of the server.',
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: /^([^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/,
    says: 'a name or an address, without a port, a path or spaces',
  }),
  port: port({ doc: 'TCP port.', default: 22, redirects: true }),
  user: text({ doc: 'User to log in as.', required: true, maxLength: 255 }),
  private_key: secret({ doc: 'Private key, in OpenSSH or PEM form: ed25519, ecdsa or rsa.', maxBytes: 65_536 }),
  passphrase: secret({ doc: 'Passphrase of the private key.', maxBytes: 1_024 }),
  password: secret({
    doc: 'Password of the user; sent when there is no key, or the key is not enough.',
    maxBytes: 4_096,
  }),
  certificate: text({ doc: 'OpenSSH user certificate of the private key (the -cert.pub file).', multiline: true }),
  host_key: text({
    doc: 'Public keys of the server, or their fingerprints (SHA256:...), one a line. Without it, or known_hosts, nobody is logged in.',
    multiline: true,
    redirects: true,
  }),
  known_hosts: text({
    doc: 'Lines of a known_hosts file, of which those about this host and port count.',
    multiline: true,
    redirects: true,
  }),
  allowed_commands: list({
    doc: 'Commands that may be run, each a pattern of words: docker logs *, systemctl status {nginx,redis}, echo **. A * is one argument, ** the rest; neither stands for an option unless written -* and -**.',
  }),
  allow_any_command: boolean({ doc: 'Any command may be run.', default: false }),
  posix_shell: boolean({
    doc: 'The user’s login shell reads quotes as POSIX says, so that arguments may have ! and \\ and line breaks (fish and csh differ).',
    default: false,
  }),
  sftp_read: list({ doc: 'Folders (absolute paths) whose files may be read over SFTP, and listed.' }),
  sftp_write: list({ doc: 'Folders (absolute paths) whose files may be written, renamed and removed over SFTP.' }),
  allow_shell: boolean({ doc: 'An interactive shell may be opened, in which any command can be run.', default: false }),
  allow_pty: boolean({ doc: 'A terminal may be asked for.', default: false }),
  allow_env: list({ doc: 'Names of environment variables that may be set: LANG, LC_*.' }),
  allow_subsystems: list({
    doc: 'Subsystems that may be started, other than sftp, which has sftp_read and sftp_write.',
  }),
  allow_agent: boolean({
    doc: 'The client’s own SSH agent may be forwarded (ssh -A): the server can use the keys in it while the session lasts.',
    default: false,
  }),
  allow_forward: list({ doc: 'Targets that TCP connections may be forwarded to: db.internal:5432.' }),
  via: viaField,
  via_for: list({
    doc: 'Names of services (* stands for any characters) that may be reached through this one: those whose via it is. Whoever may use such a service needs no grant for this one.',
  }),
} as const;

export type SshConfig = Parsed<typeof shape>;

/** Fields of the kind `ssh` (DESIGN §7) and the rules across them. */
export const sshConfig = configSpec(shape, (config, isSet, given) => {
  const problems: string[] = [];
  if (!isSet('private_key') && !isSet('password')) problems.push('private_key or password is required');
  if (isSet('passphrase') && !isSet('private_key')) problems.push('private_key is required where passphrase is given');
  if (config.certificate !== undefined && !isSet('private_key'))
    problems.push('private_key is required where certificate is given');
  if (config.host_key !== undefined && config.known_hosts !== undefined)
    problems.push('host_key and known_hosts are two ways to say the same; give one');
  for (const name of config.via_for)
    if (!/^[a-zA-Z0-9._*-]{1,128}$/.test(name)) problems.push(`via_for: "${name}" is no name of a service`);
  problems.push(...hostKeyProblems(config), ...policyProblems(config));
  // A key whose passphrase is stored already and does not come along can be opened only when it is used.
  const known = !isSet('passphrase') || given('passphrase') !== undefined;
  problems.push(...keyProblems(known ? given('private_key') : undefined, given('passphrase'), config.certificate));
  return problems;
});

/** What is known about the server's key; undefined where nothing is pinned. @throws HostKeyProblem */
export function pinsOf(config: Pick<SshConfig, 'host' | 'port' | 'host_key' | 'known_hosts'>): Pins | undefined {
  if (config.host_key !== undefined) return parseHostKeys(config.host_key);
  if (config.known_hosts === undefined) return undefined;
  return parseKnownHosts(config.known_hosts, bareHost(config.host), config.port);
}

/** `SSH at host:22`. */
export function describe(config: Pick<SshConfig, 'host' | 'port'>): string {
  return `SSH at ${formatHostPort(bareHost(config.host), config.port)}`;
}

export function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function hostKeyProblems(config: Pick<SshConfig, 'host' | 'port' | 'host_key' | 'known_hosts'>): string[] {
  try {
    pinsOf(config);
    return [];
  } catch (error) {
    if (!(error instanceof HostKeyProblem)) throw error;
    return [`${config.host_key === undefined ? 'known_hosts' : 'host_key'} ${error.message}`];
  }
}

function keyProblems(
  key: Secret | undefined,
  passphrase: Secret | undefined,
  certificate: string | undefined,
): string[] {
  try {
    const about = certificate === undefined ? undefined : parseCertificate(certificate);
    const parsed = key && parsePrivateKey(key, passphrase);
    if (about && parsed && !isAbout(about, parsed.getPublicSSH()))
      return ['certificate is about another key than private_key'];
    return [];
  } catch (error) {
    if (error instanceof CertificateProblem) return [`certificate ${error.message}`];
    if (error instanceof KeyProblem) return [error.message];
    throw error;
  }
}
