import { isJsonObject, type JsonValue } from '../../../core/json.ts';
import { fromStruct, toStruct } from '../../../core/struct.ts';

/** A message type whose JSON form is not an object of its fields (proto3 language guide, "JSON Mapping"). */
export interface WellKnown {
  /** @returns undefined when the value is not of the form. */
  parse(json: JsonValue): object | undefined;
  render(message: Readonly<Record<string, unknown>>): JsonValue;
}

/** Seconds since 1970 of the years 1 and 10000, which a Timestamp stays between. */
const FIRST_SECOND = -62_135_596_800;
const BEYOND_SECOND = 253_402_300_800;
/** Seconds of some ten thousand years: the most that a Duration may be. */
const MAX_DURATION_S = 315_576_000_000;
/** Objects and lists within a Struct; what reads it has a limit of its own. */
const MAX_STRUCT_DEPTH = 16;

export const WELL_KNOWN: Readonly<Record<string, WellKnown>> = {
  'google.protobuf.Timestamp': {
    parse(json) {
      if (typeof json !== 'string') return undefined;
      const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(json);
      const ms = match ? Date.parse(`${match[1]}T${match[2]}${match[4]}`) : Number.NaN;
      const seconds = ms / 1000;
      if (!(seconds >= FIRST_SECOND && seconds < BEYOND_SECOND)) return undefined;
      return { seconds: String(seconds), nanos: nanosOf(match?.[3]) };
    },
    render(message) {
      const { seconds, nanos } = partsOf(message);
      const whole = new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length);
      return `${whole}${fraction(nanos)}Z`;
    },
  },
  'google.protobuf.Duration': {
    parse(json) {
      const match = typeof json === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(json) : null;
      if (!match || Number(match[2]) > MAX_DURATION_S) return undefined;
      const sign = match[1] === '-' ? -1 : 1;
      // Not -0, which would be written as such.
      return { seconds: String(sign * Number(match[2]) || 0), nanos: sign * nanosOf(match[3]) || 0 };
    },
    render(message) {
      const { seconds, nanos } = partsOf(message);
      const sign = seconds < 0 || nanos < 0 ? '-' : '';
      return `${sign}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
    },
  },
  'google.protobuf.Struct': {
    // As proto-loader gives one: `toStruct` sets `kind`, too.
    parse: (json) => (isJsonObject(json) && isShallow(json, MAX_STRUCT_DEPTH) ? toStruct(json) : undefined),
    render: (message) => fromStruct(message),
  },
};

function isShallow(json: JsonValue, levels: number): boolean {
  if (typeof json !== 'object' || json === null) return true;
  return levels > 0 && Object.values(json).every((value: JsonValue) => isShallow(value, levels - 1));
}

function nanosOf(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(9, '0'));
}

function partsOf(message: Readonly<Record<string, unknown>>): { seconds: number; nanos: number } {
  return { seconds: Number(String(message.seconds ?? 0)), nanos: Number(message.nanos ?? 0) };
}

/** Nothing, or 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.replace(/(?:000){1,2}$/, '')}`;
}
