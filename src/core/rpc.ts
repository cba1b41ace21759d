import { BrokerError, type ErrorCode, type Hop, isErrorCode } from './errors.ts';

/** Bytes of an upload that the daemon lets come, and of a download that a client does, before any of them was taken. */
export const FLOW_WINDOW_BYTES = 512 * 1024;

/** How an error crosses gRPC: the status carries the message, this trailer (JSON, binary metadata) the rest. */
export const ERROR_TRAILER = 'broker-error-bin';

/** @returns the trailer's content: code, and hop, hint and upstream code where there are any. */
export function encodeError(error: BrokerError): Buffer {
  const { code, hop, hint, upstreamCode, message } = error;
  return Buffer.from(JSON.stringify({ code, message, hop, hint, upstreamCode }));
}

/** The BrokerError in a trailer; undefined when the trailer is not ours. */
export function decodeError(trailer: Buffer): BrokerError | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(trailer.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { code, message, hop, hint, upstreamCode } = parsed as Record<string, unknown>;
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') return undefined;
  return new BrokerError(code satisfies ErrorCode, message, {
    ...(typeof hop === 'string' && { hop: hop as Hop }),
    ...(typeof hint === 'string' && { hint }),
    ...(typeof upstreamCode === 'string' && { upstreamCode }),
  });
}

interface Timestamp {
  readonly seconds: string;
  readonly nanos: number;
}

/** Epoch milliseconds as google.protobuf.Timestamp; also the shape of google.protobuf.Duration for millisecond spans. */
export function fromMillis(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: String(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

export function fromOptionalMillis(ms: number | undefined): Timestamp | null {
  return ms === undefined ? null : fromMillis(ms);
}

/** Timestamp or Duration as milliseconds; undefined where the field is absent. */
export function toMillis(
  value: { readonly seconds?: string | number | { toString(): string }; readonly nanos?: number } | null | undefined,
): number | undefined {
  if (!value) return undefined;
  return Number(String(value.seconds ?? 0)) * 1000 + Math.floor((value.nanos ?? 0) / 1e6);
}
