import { BrokerError } from '../core/errors.ts';
import { fromMillis } from '../core/rpc.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90`, `90s`, `5m`, `24h`, `1h30m` in milliseconds; a bare number is seconds. @throws BrokerError naming `flag`. */
export function parseDuration(text: string, flag: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new BrokerError('invalid_argument', `${flag} ${text} is not a duration such as 30s, 5m or 24h`);
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ''] ?? 0), 0);
}

/** The same as google.protobuf.Duration; null where the flag was not given. */
export function durationMessage(text: string | undefined, flag: string): ReturnType<typeof fromMillis> | null {
  return text === undefined ? null : fromMillis(parseDuration(text, flag));
}

/** `1h 30m`, `45s`: for people. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'm'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}
