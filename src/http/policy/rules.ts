import type { ErrorCode } from '../../core/errors.ts';
import type { Counters } from './counters.ts';
import { type PathPattern, pathAllowed, pathPattern, patternContains, patternProblem } from './paths.ts';

/** What requests may be like, and how many. Empty lists and 0: no limit. */
export interface RequestLimits {
  readonly methods: readonly string[];
  readonly paths: readonly string[];
  /** Bytes of a request body. */
  readonly maxBody: number;
  /** Requests in any minute. */
  readonly rate: number;
  /** Requests at a time. */
  readonly concurrency: number;
}

export const NO_LIMITS: RequestLimits = { methods: [], paths: [], maxBody: 0, rate: 0, concurrency: 0 };

/** Somebody's limits: those of the service, or of a token. One of several must let a request pass: a token has several grants. */
export interface LimitedBy {
  /** In a sentence: `app`, `the token ci`. */
  readonly name: string;
  /** Put in front of the rule's name in the audit log: `token.` or nothing. */
  readonly prefix: '' | 'token.';
  readonly any: readonly CountedLimits[];
}

export interface CountedLimits {
  /** What requests are counted by. */
  readonly key: string;
  readonly limits: RequestLimits;
}

export type RuleName = 'methods' | 'paths' | 'max_body' | 'rate' | 'concurrency';

/** A request that may not pass; told to the caller and recorded as it is. */
export interface Refused {
  readonly allowed: false;
  /** `paths`, or `token.paths` for one of a token's limits. */
  readonly rule: `${'' | 'token.'}${RuleName}`;
  readonly code: Extract<ErrorCode, 'denied' | 'too_large' | 'exhausted'>;
  readonly message: string;
  /** Seconds, for Retry-After. */
  readonly retryAfter?: number;
}

export interface Allowed {
  readonly allowed: true;
  /** The most bytes that the body may have, which must be counted while it streams; 0 for no limit. */
  readonly maxBody: number;
  /** The refusal for a body that turns out to be longer. */
  readonly tooLarge: Refused;
  /** To be called when the request is over, in whatever way. Idempotent. */
  release(): void;
}

export interface RequestFacts {
  readonly method: string;
  /** As the caller wrote it behind the service's name; without query. */
  readonly rawPath: string;
  /** Content-Length; undefined where the length is not known ahead. */
  readonly contentLength: number | undefined;
}

interface Compiled {
  readonly limits: RequestLimits;
  readonly methods: ReadonlySet<string>;
  readonly paths: readonly PathPattern[];
  readonly key: string;
}

const METHOD = /^[A-Z][A-Z-]{0,31}$/;

/** What is wrong with limits, each a sentence that begins with the field's name. */
export function limitProblems(limits: RequestLimits): string[] {
  const problems: string[] = [];
  for (const method of limits.methods) {
    if (!METHOD.test(method)) problems.push(`methods has an entry that is no method: "${method}"`);
  }
  for (const path of limits.paths) {
    const problem = patternProblem(path);
    if (problem) problems.push(`paths has an entry that ${problem}: "${path}"`);
  }
  for (const field of ['maxBody', 'rate', 'concurrency'] as const) {
    const name = field === 'maxBody' ? 'max_body' : field;
    if (!Number.isSafeInteger(limits[field]) || limits[field] < 0) problems.push(`${name} must be a whole number`);
  }
  return problems;
}

/**
 * Whether `inner` asks for nothing that `outer` does not give. What inner leaves open counts as no more than outer's, for
 * whoever is held by inner's limits must be held by outer's too.
 */
export function limitsContain(outer: RequestLimits, inner: RequestLimits): boolean {
  const narrower = (wide: number, narrow: number): boolean => wide === 0 || narrow <= wide;
  const wide = outer.paths.map(pathPattern);
  return (
    (outer.methods.length === 0 || inner.methods.every((method) => outer.methods.includes(method))) &&
    (wide.length === 0 || inner.paths.every((path) => wide.some((each) => patternContains(each, pathPattern(path))))) &&
    narrower(outer.maxBody, inner.maxBody) &&
    narrower(outer.rate, inner.rate) &&
    narrower(outer.concurrency, inner.concurrency)
  );
}

/** All limits that hold for one caller at one service: made once, asked for every request. */
export class RequestPolicy {
  readonly #levels: readonly { readonly by: LimitedBy; readonly any: readonly Compiled[] }[];
  readonly #counters: Counters;
  /** The answer to every request, where there is nothing to look at and nothing to count. */
  readonly #free: Allowed | undefined;

  /** @param levels each of which must let a request pass: the service, the token, and those it descends from. */
  constructor(levels: readonly LimitedBy[], counters: Counters) {
    this.#counters = counters;
    this.#levels = levels.map((by) => ({
      by,
      any: by.any.map(({ key, limits }) => ({
        key,
        limits,
        methods: new Set(limits.methods),
        paths: limits.paths.map(pathPattern),
      })),
    }));
    if (!levels.every(({ any: [first] }) => first && isUnlimited(first.limits))) return;
    const refusal = tooLarge({ name: 'broker', prefix: '' }, 0);
    this.#free = { allowed: true, maxBody: 0, tooLarge: refusal, release: () => undefined };
  }

  /** Decides, and counts the request if it may pass. Nothing is counted for one that may not. */
  admit(request: RequestFacts): Allowed | Refused {
    if (this.#free) return this.#free;
    const chosen: { readonly by: LimitedBy; readonly limits: Compiled }[] = [];
    for (const { by, any } of this.#levels) {
      const fits = chooseFrom(by, any, request);
      if ('allowed' in fits) return fits;
      chosen.push({ by, limits: fits });
    }
    for (const { by, limits } of chosen) {
      const full = this.#full(by, limits);
      if (full) return full;
    }
    const over = chosen.map(({ limits }) => this.#counters.start(limits.key));
    const sized = chosen.filter(({ limits }) => limits.limits.maxBody > 0);
    const [tightest] = sized.sort((a, b) => a.limits.limits.maxBody - b.limits.limits.maxBody);
    const maxBody = tightest?.limits.limits.maxBody ?? 0;
    return {
      allowed: true,
      maxBody,
      tooLarge: tooLarge(tightest?.by ?? { name: 'broker', prefix: '' }, maxBody),
      release: () => {
        for (const end of over) end();
      },
    };
  }

  #full(by: LimitedBy, { limits, key }: Compiled): Refused | undefined {
    const waitMs = this.#counters.wait(key, limits.rate);
    if (waitMs > 0) {
      const message = `${by.name} has had its ${limits.rate} requests of this minute`;
      return refused(by, 'rate', 'exhausted', message, Math.max(1, Math.ceil(waitMs / 1_000)));
    }
    if (limits.concurrency > 0 && this.#counters.running(key) >= limits.concurrency) {
      const message = `${by.name} has ${limits.concurrency} requests under way, which is its limit`;
      return refused(by, 'concurrency', 'exhausted', message, 1);
    }
    return undefined;
  }
}

function isUnlimited({ methods, paths, maxBody, rate, concurrency }: RequestLimits): boolean {
  return methods.length + paths.length + maxBody + rate + concurrency === 0;
}

/** The first limits of several that let the request pass by what it is, or why the first of them does not. */
function chooseFrom(by: LimitedBy, any: readonly Compiled[], request: RequestFacts): Compiled | Refused {
  let first: Refused | undefined;
  for (const compiled of any) {
    const refusal = refusalOf(by, compiled, request);
    if (!refusal) return compiled;
    first ??= refusal;
  }
  return first ?? refused(by, 'methods', 'denied', `${by.name} may not use this service over HTTP`);
}

function refusalOf(by: LimitedBy, { limits, methods, paths }: Compiled, request: RequestFacts): Refused | undefined {
  const { method, rawPath, contentLength } = request;
  if (methods.size > 0 && !methods.has(method)) {
    return refused(by, 'methods', 'denied', `${by.name} does not allow this method, only ${limits.methods.join(', ')}`);
  }
  if (paths.length > 0 && !pathAllowed(paths, rawPath)) {
    const list = limits.paths.slice(0, MAX_NAMED).join(', ');
    const more = limits.paths.length > MAX_NAMED ? ' and others' : '';
    return refused(by, 'paths', 'denied', `${by.name} does not allow this path, only ${list}${more}`);
  }
  if (limits.maxBody > 0 && (contentLength ?? 0) > limits.maxBody) return tooLarge(by, limits.maxBody);
  return undefined;
}

/** Patterns named in a refusal. */
const MAX_NAMED = 10;

function tooLarge(by: Pick<LimitedBy, 'name' | 'prefix'>, maxBody: number): Refused {
  return refused(by, 'max_body', 'too_large', `${by.name} allows request bodies of ${maxBody} bytes at most`);
}

function refused(
  by: Pick<LimitedBy, 'name' | 'prefix'>,
  rule: RuleName,
  code: Refused['code'],
  message: string,
  retryAfter?: number,
): Refused {
  const named = `${message} (rule: ${by.prefix}${rule})`;
  return {
    allowed: false,
    rule: `${by.prefix}${rule}`,
    code,
    message: named,
    ...(retryAfter !== undefined && { retryAfter }),
  };
}
