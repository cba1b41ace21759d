import type { Secret } from '../../core/secret.ts';
import { areOpenSettings, type CommandRules } from './commands.ts';
import {
  DOLLAR,
  encode,
  LengthReader,
  MAX_ARGUMENTS,
  MAX_INLINE_BYTES,
  MAX_INSPECTED_BYTES,
  MAX_WORD_BYTES,
  malformed,
  readCommand,
  STAR,
  splitInline,
  word,
} from './resp.ts';

const CR = 0x0d;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** What takes the place of a client's own login commands. */
export interface LoginWords {
  /** The real AUTH command, encoded. */
  readonly auth: Secret;
  /** Called for each RESET that goes to the server. @returns the commands that go behind it. */
  reset(): Buffer;
}

/** Where a command's parts go. */
interface Decision {
  /** Index behind what was looked at, and how many arguments are still to come. */
  readonly next: number;
  readonly argsLeft: number;
  /** Sent instead of the command; undefined: it passes as it is. */
  readonly instead: Buffer | undefined;
}

/**
 * Follows the client's requests and changes the few that would undo the login or give away the credential. Bytes that
 * need no change pass in the chunks in which they came; of a chunk's end, at most the beginning of one command is held
 * back. Work is in the number of arguments, not of bytes.
 */
export class RequestRewriter {
  readonly #rules: CommandRules;
  readonly #words: LoginWords;
  readonly #lengths = new LengthReader();
  #held: Buffer = NOTHING;
  /** Bytes of the current argument and its CR LF that are still to come, and arguments after it. */
  #bodyLeft = 0;
  #argsLeft = 0;
  /** The rest of the current command goes nowhere: something else went instead of it. */
  #dropping = false;

  constructor(rules: CommandRules, words: LoginWords) {
    this.#rules = rules;
    this.#words = words;
  }

  /**
   * @returns what goes on to the server.
   * @throws BrokerError `client_protocol` for anything but the canonical form.
   */
  readonly rewrite = (chunk: Buffer): Buffer => {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const out: Buffer[] = [];
    /** Where the bytes begin that are to pass and are not in `out` yet. */
    let from = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#bodyLeft > 0) at = this.#body(bytes, at);
      else if (this.#argsLeft > 0) {
        if (!this.#lengths.read(bytes, at, DOLLAR)) break;
        this.#bodyLeft = this.#lengths.value + 2;
        this.#argsLeft--;
        at = this.#lengths.next;
      } else {
        if (this.#dropping) from = at;
        this.#dropping = false;
        const next = this.#passing(bytes, at);
        if (next > 0) {
          at = next;
          continue;
        }
        const decision = bytes[at] === STAR ? this.#command(bytes, at) : this.#inline(bytes, at);
        if (!decision) break;
        if (decision.instead) {
          if (at > from) out.push(bytes.subarray(from, at));
          out.push(decision.instead);
          this.#dropping = true;
        }
        at = decision.next;
        this.#argsLeft = decision.argsLeft;
      }
    }
    this.#held = at < bytes.length ? Buffer.from(bytes.subarray(at)) : NOTHING;
    if (!this.#dropping && at > from) out.push(bytes.subarray(from, at));
    if (out.length <= 1) return out[0] ?? NOTHING;
    return Buffer.concat(out);
  };

  /** Passes over what is there of an argument; its last two bytes must be CR LF. @returns the index behind it. */
  #body(bytes: Buffer, at: number): number {
    const step = Math.min(this.#bodyLeft, bytes.length - at);
    const end = at + step;
    this.#bodyLeft -= step;
    if (this.#bodyLeft < 2) {
      const cr = end - 2 + this.#bodyLeft;
      const wrongCr = cr >= at && bytes[cr] !== CR;
      const wrongLf = this.#bodyLeft === 0 && bytes[end - 1] !== LF;
      if (wrongCr || wrongLf) throw malformed('an argument that does not end in CR LF');
    }
    return end;
  }

  /** The short way for what passes by its name, which is nearly all: no objects. @returns 0 for the long way. */
  #passing(bytes: Buffer, at: number): number {
    const lengths = this.#lengths;
    if (bytes[at] !== STAR || !lengths.read(bytes, at, STAR)) return 0;
    const argc = lengths.value;
    if (argc < 1 || argc > MAX_ARGUMENTS || !lengths.read(bytes, lengths.next, DOLLAR)) return 0;
    const start = lengths.next;
    const end = start + lengths.value;
    if (lengths.value > MAX_WORD_BYTES || bytes[end] !== CR || bytes[end + 1] !== LF) return 0;
    if (this.#rules.byName(bytes, start, end) !== 'pass') return 0;
    this.#argsLeft = argc - 1;
    return end + 2;
  }

  /** Decides about the command at `at`, in the form `*N $N ...`; undefined: not enough of it is there. */
  #command(bytes: Buffer, at: number): Decision | undefined {
    const head = readCommand(bytes, at, 1, MAX_WORD_BYTES);
    const name = head?.args[0];
    if (!head || !name) return undefined;
    const { argc, next } = head;
    const pass: Decision = { next, argsLeft: argc - 1, instead: undefined };
    const verdict = this.#rules.byName(bytes, next - 2 - name.length, next - 2);
    switch (verdict) {
      case 'pass':
        return pass;
      case 'auth':
        return { ...pass, instead: this.#auth(argc) };
      case 'reset':
        return { ...pass, instead: Buffer.concat([encode(['RESET']), this.#words.reset()]) };
      case 'hello':
        return this.#whole(bytes, at, (args) => encode(withoutAuth(args)));
      case 'subcommand':
        return argc < 2 ? this.#deny(pass, word(name), undefined) : this.#bySubcommand(bytes, at);
      case 'deny':
        return this.#deny(pass, word(name), undefined);
      default:
        return verdict satisfies 'names' as never;
    }
  }

  #bySubcommand(bytes: Buffer, at: number): Decision | undefined {
    const head = readCommand(bytes, at, 2, 2 * MAX_WORD_BYTES);
    if (!head) return undefined;
    const [name = '', subcommand = ''] = head.args.map(word);
    const pass: Decision = { next: head.next, argsLeft: head.argc - 2, instead: undefined };
    const verdict = this.#rules.bySubcommand(name, subcommand);
    if (verdict === 'pass') return pass;
    if (verdict === 'deny') return this.#deny(pass, name, subcommand);
    return this.#whole(bytes, at, (args) =>
      areOpenSettings(args.slice(2)) ? encode(args) : encode([this.#rules.denial(name, subcommand)]),
    );
  }

  /** For the few commands of which every argument counts. */
  #whole(bytes: Buffer, at: number, instead: (args: readonly Buffer[]) => Buffer): Decision | undefined {
    const command = readCommand(bytes, at, Number.POSITIVE_INFINITY, MAX_INSPECTED_BYTES);
    return command && { next: command.next, argsLeft: 0, instead: instead(command.args) };
  }

  #deny(decision: Decision, name: string, subcommand: string | undefined): Decision {
    return { ...decision, instead: encode([this.#rules.denial(name, subcommand)]) };
  }

  /** With a wrong number of arguments the server is to say so: its arguments are nobody's password then. */
  #auth(argc: number): Buffer {
    if (argc === 2 || argc === 3) return this.#words.auth.use((bytes) => Buffer.from(bytes));
    return encode(argc < 2 ? ['AUTH'] : ['AUTH', '-', '-', '-']);
  }

  /** An inline command goes on in the canonical form; an empty line goes nowhere, as in the server. */
  #inline(bytes: Buffer, at: number): Decision | undefined {
    const end = bytes.indexOf(LF, at);
    if (end < 0 ? bytes.length - at >= MAX_INLINE_BYTES : end - at >= MAX_INLINE_BYTES)
      throw malformed(`an inline command of more than ${MAX_INLINE_BYTES} bytes`);
    if (end < 0) return undefined;
    const args = splitInline(bytes.subarray(at, end));
    const next = end + 1;
    if (args.length === 0) return { next, argsLeft: 0, instead: NOTHING };
    const canonical = encode(args);
    const decision = this.#command(canonical, 0);
    return { next, argsLeft: 0, instead: decision?.instead ?? canonical };
  }
}

/** HELLO without its AUTH clause, parsed as the server does (helloCommand in networking.c); SETNAME has one argument. */
function withoutAuth(args: readonly Buffer[]): Buffer[] {
  const kept = args.slice(0, 2);
  for (let index = 2; index < args.length; index++) {
    const [option, ...more] = args.slice(index);
    if (!option) break;
    if (word(option) === 'auth' && more.length >= 2) index += 2;
    else if (word(option) === 'setname' && more.length >= 1) kept.push(option, ...args.slice(++index, index + 1));
    else kept.push(option);
  }
  return kept;
}
