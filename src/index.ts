/** What `import ... from 'authbroker'` gives: a typed client of a running broker. */
export type { BrokerClient, CallOptions, ConnectOptions } from './cli/connect.ts';
export { connect } from './cli/connect.ts';
export type { Hop } from './core/errors.ts';
export { BrokerError, type ErrorCode } from './core/errors.ts';
export type { AuditRecord__Output as AuditRecord } from './core/proto/broker/v1/AuditRecord.ts';
export type { OpenSessionRequest } from './core/proto/broker/v1/OpenSessionRequest.ts';
export type { Service__Output as Service } from './core/proto/broker/v1/Service.ts';
export type { Session__Output as Session } from './core/proto/broker/v1/Session.ts';
export type { Token__Output as Token } from './core/proto/broker/v1/Token.ts';
export type { VaultStatus__Output as VaultStatus } from './core/proto/broker/v1/VaultStatus.ts';
export { Secret } from './core/secret.ts';
