import type { AuditCaller, AuditEvent } from '../../core/audit.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { MAX_REASON_CHARS } from '../../core/limits.ts';

const MAX_CHARS = 200;
const MAX_DETAILS = 32;
/** Most texts: nothing in them that would have to go, which takes longer to look for. */
const PLAIN = /^[ -~]*$/;
const OUTCOMES = ['intent', 'ok', 'denied', 'failed'] as const;
const TRANSPORTS = ['unix', 'tcp', 'http', 'internal'] as const;

/**
 * An event as it is stored: field by field and in a fixed order, so that nothing gets in but what AuditEvent names. What it
 * does not have is there as undefined, which JSON leaves out.
 */
export function eventFields(event: AuditEvent): Readonly<Record<string, JsonValue | undefined>> {
  return {
    action: text(event.action),
    outcome: event.outcome,
    caller: rememberedCaller(event.caller),
    service: text(event.service),
    kind: text(event.kind),
    session: text(event.session),
    reason: text(event.reason, MAX_REASON_CHARS),
    code: text(event.code),
    message: text(event.message),
    duration_ms: finite(event.durationMs),
    bytes_up: finite(event.bytesUp),
    bytes_down: finite(event.bytesDown),
    detail: event.detail && details(event.detail),
  };
}

/** Reads what `eventFields` gave; undefined when it does not name what was done and how it went. */
export function parseEvent(fields: JsonObject): AuditEvent | undefined {
  const action = asText(fields.action);
  const outcome = OUTCOMES.find((known) => known === fields.outcome);
  if (action === undefined || outcome === undefined) return undefined;
  const optional = {
    service: asText(fields.service),
    kind: asText(fields.kind),
    session: asText(fields.session),
    reason: asText(fields.reason),
    code: asText(fields.code),
    message: asText(fields.message),
    durationMs: asNumber(fields.duration_ms),
    bytesUp: asNumber(fields.bytes_up),
    bytesDown: asNumber(fields.bytes_down),
    detail: isJsonObject(fields.detail) ? parseDetails(fields.detail) : undefined,
  };
  const caller = isJsonObject(fields.caller) ? parseCaller(fields.caller) : {};
  return { action, outcome, caller, ...present(optional) };
}

/** By callers, who come again and again. What is kept is not written to. */
const callers = new WeakMap<AuditCaller, JsonObject>();

function rememberedCaller(caller: AuditCaller): JsonObject {
  const known = callers.get(caller);
  if (known) return known;
  const made = callerFields(caller);
  callers.set(caller, made);
  return made;
}

function callerFields(caller: AuditCaller): JsonObject {
  return present({
    token: text(caller.token),
    token_id: text(caller.tokenId),
    uid: finite(caller.uid),
    pid: finite(caller.pid),
    executable: text(caller.executable),
    transport: caller.transport,
  });
}

function parseCaller(fields: JsonObject): AuditCaller {
  return present({
    token: asText(fields.token),
    tokenId: asText(fields.token_id),
    uid: asNumber(fields.uid),
    pid: asNumber(fields.pid),
    executable: asText(fields.executable),
    transport: TRANSPORTS.find((known) => known === fields.transport),
  });
}

function details(detail: NonNullable<AuditEvent['detail']>): JsonObject {
  const kept: Record<string, JsonValue> = {};
  let left = MAX_DETAILS;
  for (const name in detail) {
    const value = detail[name];
    if (left-- === 0) break;
    if (typeof value === 'string') kept[text(name)] = text(value);
    else if (value !== undefined && finite(value) !== undefined) kept[text(name)] = value;
  }
  return kept;
}

function parseDetails(fields: JsonObject): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') kept[name] = value;
  }
  return kept;
}

/** Without control, line-separating and text-direction characters, and at most `maxChars` long. */
function text(raw: string, maxChars?: number): string;
function text(raw: string | undefined, maxChars?: number): string | undefined;
function text(raw: string | undefined, maxChars = MAX_CHARS): string | undefined {
  if (raw === undefined || (raw.length <= maxChars && PLAIN.test(raw))) return raw;
  const plain = raw.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
  if (plain.length <= maxChars) return plain;
  // Not between the halves of a surrogate pair: one alone would not survive UTF-8.
  return `${plain.slice(0, maxChars - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Nothing in place of a number that JSON cannot hold. */
function finite<T extends number | boolean>(value: T | undefined): T | undefined {
  return typeof value === 'number' && !Number.isFinite(value) ? undefined : value;
}

/** The entries that have a value. */
function present<T extends object>(fields: T): Present<T> {
  const kept: Present<T> = {};
  for (const name of Object.keys(fields) as (keyof T)[]) {
    const value = fields[name];
    if (value !== undefined) kept[name] = value as Exclude<T[keyof T], undefined>;
  }
  return kept;
}

function asText(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function asNumber(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
