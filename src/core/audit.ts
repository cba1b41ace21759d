/** Who did it, as the audit log names them. Never a token's secret part. */
export interface AuditCaller {
  readonly token?: string; // the token's name
  readonly tokenId?: string;
  readonly uid?: number;
  readonly pid?: number;
  readonly executable?: string;
  readonly transport?: 'unix' | 'tcp' | 'http' | 'internal';
}

/**
 * One line of the audit log. Field types are closed on purpose: an object or an error cannot be logged by accident.
 * `action` is noun.verb (`session.open`, `session.end`, `vault.unlock`, `service.put`, `token.revoke`, `gate.admit`).
 */
export interface AuditEvent {
  readonly action: string;
  readonly outcome: 'intent' | 'ok' | 'denied' | 'failed';
  readonly caller: AuditCaller;
  readonly service?: string;
  readonly kind?: string;
  readonly session?: string;
  /** The caller's own words: why they need it. */
  readonly reason?: string;
  /** ErrorCode, or the SessionEnd outcome. */
  readonly code?: string;
  /** A safe sentence (a BrokerError's message). */
  readonly message?: string;
  readonly durationMs?: number;
  readonly bytesUp?: number;
  readonly bytesDown?: number;
  /** Further facts, by name. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
}

export interface AuditSink {
  /** Resolves once the record is on disk (fdatasync, group commit). Rejects when it cannot be written: fail closed. */
  record(event: AuditEvent): Promise<void>;
}
