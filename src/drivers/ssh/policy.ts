import { matches, type Pattern, PatternProblem, parsePattern } from './allowlist.ts';
import { CommandProblem, parseCommandLine, quoteArgv } from './argv.ts';

/** The fields of a service that say what a caller may do there. */
export interface PolicyFields {
  readonly allowed_commands: readonly string[];
  readonly allow_any_command: boolean;
  readonly posix_shell: boolean;
  readonly sftp_read: readonly string[];
  readonly sftp_write: readonly string[];
  readonly allow_shell: boolean;
  readonly allow_pty: boolean;
  readonly allow_env: readonly string[];
  readonly allow_subsystems: readonly string[];
  readonly allow_agent: boolean;
  readonly allow_forward: readonly string[];
}

/** A policy that was read. Paths are byte strings (latin1), since that is what SFTP has. */
export interface SshPolicy {
  readonly patterns: readonly Pattern[];
  readonly anyCommand: boolean;
  readonly posixShell: boolean;
  readonly sftpRead: readonly string[];
  readonly sftpWrite: readonly string[];
  readonly shell: boolean;
  readonly pty: boolean;
  readonly env: readonly string[];
  readonly subsystems: readonly string[];
  readonly agent: boolean;
  readonly forward: readonly string[];
}

/** Everything that a caller can ask of a server, whichever way it came in. */
export type SshRequest =
  | { readonly type: 'exec'; readonly line: string }
  | { readonly type: 'argv'; readonly argv: readonly string[] }
  | { readonly type: 'shell' | 'pty' | 'agent' | 'x11' | 'listen' }
  | { readonly type: 'env'; readonly name: string }
  | { readonly type: 'subsystem'; readonly name: string }
  | { readonly type: 'forward'; readonly host: string; readonly port: number }
  /**
   * `path` is absolute and real: no symbolic link, `.` or `..` in it. `stat`: what one learns from listing the parent.
   * `move`: it gets another name, or another thing gets this one, with all that is below.
   */
  | { readonly type: 'path'; readonly access: 'read' | 'write' | 'stat' | 'move'; readonly path: string };

export type Decision =
  | { readonly allowed: true; readonly argv?: readonly string[]; readonly command?: string }
  | { readonly allowed: false; readonly why: string };

const ALLOWED: Decision = { allowed: true };

/** The seeds' protected prefixes, and where Debian's links lead from them. A root that names one of them opens it. */
const PROTECTED = ['/etc', '/proc', '/sys', '/dev', '/boot', '/lib', '/lib32', '/lib64', '/libx32', '/sbin'].concat([
  '/usr/lib',
  '/usr/lib32',
  '/usr/lib64',
  '/usr/libx32',
  '/usr/sbin',
  '/root/.ssh',
]);
/** A folder of this name holds what lets people in, wherever it is; on some servers however it is spelled. */
const KEY_FOLDER = '.ssh';

/** @throws PatternProblem for a pattern that `policyProblems` would have named. */
export function readPolicy(fields: PolicyFields): SshPolicy {
  return {
    patterns: fields.allowed_commands.map(parsePattern),
    anyCommand: fields.allow_any_command,
    posixShell: fields.posix_shell,
    sftpRead: fields.sftp_read.map(bytePath),
    sftpWrite: fields.sftp_write.map(bytePath),
    shell: fields.allow_shell,
    pty: fields.allow_pty,
    env: fields.allow_env,
    subsystems: fields.allow_subsystems,
    agent: fields.allow_agent,
    forward: fields.allow_forward,
  };
}

/** What is wrong with the fields of a policy: sentences that each start with a field's name. */
export function policyProblems(fields: PolicyFields): string[] {
  const problems: string[] = [];
  for (const source of fields.allowed_commands) {
    try {
      parsePattern(source);
    } catch (error) {
      if (!(error instanceof PatternProblem)) throw error;
      problems.push(`allowed_commands: the pattern "${source}" ${error.message}`);
    }
  }
  if (fields.allowed_commands.length > 0 && fields.allow_any_command)
    problems.push(
      'allow_any_command makes allowed_commands meaningless; say one of them (--unset allowed-commands drops the patterns)',
    );
  if (fields.allowed_commands.length > 0 && fields.allow_shell)
    problems.push(
      'allow_shell makes allowed_commands meaningless: any command can be run in a shell; say one of them (--unset allowed-commands drops the patterns)',
    );
  for (const field of ['sftp_read', 'sftp_write'] as const)
    for (const path of fields[field])
      if (!/^\/([^/]+(\/[^/]+)*)?\/?$/.test(path) || path.split('/').some((part) => part === '.' || part === '..'))
        problems.push(`${field}: "${path}" is not an absolute path without . and ..`);
  for (const name of fields.allow_env)
    if (!/^[A-Za-z_][A-Za-z0-9_]*\*?$/.test(name))
      problems.push(`allow_env: "${name}" is neither the name of a variable nor the start of one with a *`);
  for (const name of fields.allow_subsystems) {
    if (name === 'sftp')
      problems.push('allow_subsystems: sftp is allowed by sftp_read and sftp_write, folder by folder');
    else if (!/^[A-Za-z0-9._@-]+$/.test(name)) problems.push(`allow_subsystems: "${name}" is no name of a subsystem`);
  }
  for (const target of fields.allow_forward)
    if (!/^(\[[0-9A-Fa-f:.]+\]|[^\s:/@[\]*]+):([1-9]\d{0,4})$/.test(target))
      problems.push(`allow_forward: "${target}" is not HOST:PORT`);
  return problems;
}

/**
 * The one place where it is decided what a caller may do on a server. What is not allowed by name is denied; nothing is
 * ever allowed because it could not be understood.
 */
export function decide(policy: SshPolicy, request: SshRequest): Decision {
  switch (request.type) {
    case 'exec':
      return decideLine(policy, request.line);
    case 'argv':
      return decideArgv(policy, request.argv);
    case 'shell':
      return policy.shell ? ALLOWED : denied('a shell is not allowed here (allow_shell)');
    case 'pty':
      return policy.pty ? ALLOWED : denied('a terminal is not allowed here (allow_pty)');
    case 'env':
      return policy.env.some((name) => matchesName(name, request.name))
        ? ALLOWED
        : denied(`the environment variable ${printable(request.name)} is not allowed here (allow_env)`);
    case 'subsystem':
      return decideSubsystem(policy, request.name);
    case 'forward':
      return policy.forward.includes(
        request.host.includes(':') ? `[${request.host}]:${request.port}` : `${request.host}:${request.port}`,
      )
        ? ALLOWED
        : denied(`forwarding to ${printable(request.host)}:${request.port} is not allowed here (allow_forward)`);
    case 'path':
      return decidePath(policy, request);
    case 'agent':
      return policy.agent ? ALLOWED : denied('agent forwarding is not allowed here (allow_agent)');
    case 'x11':
      return denied('X11 forwarding is never allowed');
    case 'listen':
      return denied('listening on the server is never allowed');
    default:
      return request satisfies never;
  }
}

function decideLine(policy: SshPolicy, line: string): Decision {
  try {
    return decideArgv(policy, parseCommandLine(line));
  } catch (error) {
    if (error instanceof CommandProblem) return denied(`the command ${error.message}`);
    throw error;
  }
}

function decideArgv(policy: SshPolicy, argv: readonly string[]): Decision {
  try {
    const command = quoteArgv(argv, policy.posixShell);
    if (policy.anyCommand) return { allowed: true, argv, command };
    const leads = rsyncEscape(argv);
    if (leads) return denied(leads);
    if (policy.patterns.some((pattern) => matches(pattern, argv))) return { allowed: true, argv, command };
    return denied(`the command "${printable(argv.join(' '))}" is not allowed here (allowed_commands)`);
  } catch (error) {
    if (error instanceof CommandProblem) return denied(`the command ${error.message}`);
    throw error;
  }
}

/** What of a server's rsync leads out of the paths that a pattern names: short options, why they are refused. */
const RSYNC_ESCAPES = [
  [/^-[^-e]*s|^--(pr|sec)/, 'rsync may not take its paths from its input here (-s, --secluded-args)'],
  [/^-[^-e]*[KLk]/, 'rsync may not follow links on the server here (-L, -k, -K)'],
  [/^-[^-e]*[TfM]/, 'rsync may not be given further paths and options in a short option here (-T, -f, -M)'],
] as const;

/**
 * A server's rsync that is told to read its arguments from its input, or to leave the paths among its words: what a
 * pattern says of its words would mean nothing. Short options come in one word, which `-*` stands for and in which `e`
 * takes the rest; long ones may be shortened, and are for patterns to name.
 * @returns why it is refused; undefined for every other command.
 */
function rsyncEscape(argv: readonly string[]): string | undefined {
  if (!/(^|\/)rsync$/.test(argv[0] ?? '') || !argv.includes('--server')) return undefined;
  return RSYNC_ESCAPES.find(([option]) => argv.some((word) => option.test(word)))?.[1];
}

function decideSubsystem(policy: SshPolicy, name: string): Decision {
  if (name === 'sftp') {
    return policy.sftpRead.length + policy.sftpWrite.length > 0
      ? ALLOWED
      : denied('SFTP is not allowed here (sftp_read, sftp_write)');
  }
  return policy.subsystems.includes(name)
    ? ALLOWED
    : denied(`the subsystem ${printable(name)} is not allowed here (allow_subsystems)`);
}

type PathRequest = Extract<SshRequest, { type: 'path' }>;

function decidePath(policy: SshPolicy, { access, path }: PathRequest): Decision {
  const roots = {
    read: policy.sftpRead,
    write: policy.sftpWrite,
    stat: [...policy.sftpRead, ...policy.sftpWrite],
    move: policy.sftpWrite,
  }[access];
  const stays = (root: string): boolean => access === 'move' && holdsProtected(path, root);
  if (roots.some((root) => isBelow(path, root) && !isProtected(path, root) && !stays(root))) return ALLOWED;
  const words = {
    read: 'read (sftp_read)',
    write: 'written (sftp_write)',
    stat: 'read or written (sftp_read, sftp_write)',
    move: 'renamed (sftp_write)',
  };
  return denied(`${printable(path)} may not be ${words[access]}`);
}

/** True for the folder itself and for all below it. */
export function isBelow(path: string, root: string): boolean {
  return path === root || root === '/' || path.startsWith(`${root}/`);
}

function isProtected(path: string, root: string): boolean {
  if (PROTECTED.some((prefix) => isBelow(path, prefix) && !isBelow(root, prefix))) return true;
  return path.toLowerCase().split('/').includes(KEY_FOLDER) && !root.toLowerCase().split('/').includes(KEY_FOLDER);
}

/** Under another name, what is protected below it would not be any more. */
function holdsProtected(path: string, root: string): boolean {
  return PROTECTED.some((prefix) => isBelow(prefix, path) && !isBelow(root, prefix));
}

function matchesName(pattern: string, name: string): boolean {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return false;
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function bytePath(path: string): string {
  const bare = path.length > 1 ? path.replace(/\/$/, '') : path;
  return Buffer.from(bare, 'utf8').toString('latin1');
}

function denied(why: string): Decision {
  return { allowed: false, why };
}

/** For a message on somebody's terminal: no control characters, not too long. */
function printable(text: string): string {
  const clean = text.replace(/\p{Cc}+/gu, '?');
  return clean.length > 120 ? `${clean.slice(0, 120)}…` : clean;
}
