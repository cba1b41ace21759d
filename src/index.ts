/** What `import { connect } from 'authbroker'` gives: a typed client of a running broker. */
import { type BrokerClient, type ConnectOptions, connect as connectTo } from './cli/connect.ts';
import { openClient } from './cli/place.ts';

export type { BrokerClient, CallOptions, ConnectOptions } from './cli/connect.ts';
export { BrokerError, type ErrorCode, type Hop } from './core/errors.ts';
export type { AuditRecord__Output as AuditRecord } from './core/proto/broker/v1/AuditRecord.ts';
export type { OpenSessionRequest } from './core/proto/broker/v1/OpenSessionRequest.ts';
export type { Service__Output as Service } from './core/proto/broker/v1/Service.ts';
export type { Session__Output as Session } from './core/proto/broker/v1/Session.ts';
export type { Token__Output as Token } from './core/proto/broker/v1/Token.ts';
export type { VaultStatus__Output as VaultStatus } from './core/proto/broker/v1/VaultStatus.ts';
export { Secret } from './core/secret.ts';

/**
 * Connects to a broker daemon; nothing is sent before the first call. Without options it finds daemon and token as the
 * command line does: BROKER_ADDR and BROKER_TOKEN, BROKER_HOME, else what `broker up` or `broker login` left.
 * @throws BrokerError `invalid_argument` for an address or file that cannot be used.
 */
export function connect(options?: ConnectOptions): BrokerClient {
  return options === undefined ? openClient() : connectTo(options);
}
