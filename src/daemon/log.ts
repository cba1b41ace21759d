import { pino } from 'pino';
import { BrokerError } from '../core/errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
/** Closed on purpose: an object, an error or a Secret cannot be logged by accident (STYLE rule 16). */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** One JSON object per line on standard error, written synchronously so that nothing is lost at exit. */
export function createLog(level: LogLevel): Log {
  const out = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields = {}) => out.debug(fields, message),
    info: (message, fields = {}) => out.info(fields, message),
    warn: (message, fields = {}) => out.warn(fields, message),
    error: (message, fields = {}) => out.error(fields, message),
  };
}

/** What the log may know of an error: names and codes all the way down its causes, the stack of our own code, no values. */
export function errorFields(error: unknown): LogFields {
  const chain: string[] = [];
  let at: unknown = error;
  for (let depth = 0; depth < 4 && at instanceof Error; depth++) {
    const code: unknown = 'code' in at ? at.code : undefined;
    chain.push(typeof code === 'string' ? `${at.name}/${code}` : at.name);
    at = at.cause;
  }
  const message = error instanceof BrokerError ? error.message : undefined;
  const root = error instanceof BrokerError && error.code === 'internal' ? error.cause : error;
  const stack = root instanceof Error && !(root instanceof BrokerError) ? frames(root) : undefined;
  return { error: chain.join(' <- '), ...(message && { message }), ...(stack && { stack }) };
}

/** Stack frames without the message line, which may quote anything. */
function frames(error: Error): string {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 8)
    .map((line) => line.trim())
    .join(' | ');
}
