// Original file: proto/broker/v1/sessions.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Hint as _broker_v1_Hint, Hint__Output as _broker_v1_Hint__Output } from '../../broker/v1/Hint.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: proto/broker/v1/sessions.proto

export const _broker_v1_Session_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  STATE_WAITING: 'STATE_WAITING',
  STATE_CONNECTED: 'STATE_CONNECTED',
  STATE_ENDED: 'STATE_ENDED',
} as const;

export type _broker_v1_Session_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'STATE_WAITING'
  | 1
  | 'STATE_CONNECTED'
  | 2
  | 'STATE_ENDED'
  | 3

export type _broker_v1_Session_State__Output = typeof _broker_v1_Session_State[keyof typeof _broker_v1_Session_State]

export interface Session {
  'id'?: (string);
  'service'?: (string);
  'kind'?: (string);
  'address'?: (string);
  'host'?: (string);
  'port'?: (number);
  'socketPath'?: (string);
  'state'?: (_broker_v1_Session_State);
  'endReason'?: (string);
  'openedAt'?: (_google_protobuf_Timestamp | null);
  'acceptUntil'?: (_google_protobuf_Timestamp | null);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'served'?: (number);
  'connections'?: (number);
  'bytesUp'?: (number | string | Long);
  'bytesDown'?: (number | string | Long);
  'token'?: (string);
  'ticket'?: (string);
  'hint'?: (_broker_v1_Hint | null);
}

export interface Session__Output {
  'id': (string);
  'service': (string);
  'kind': (string);
  'address': (string);
  'host': (string);
  'port': (number);
  'socketPath': (string);
  'state': (_broker_v1_Session_State__Output);
  'endReason': (string);
  'openedAt': (_google_protobuf_Timestamp__Output | null);
  'acceptUntil': (_google_protobuf_Timestamp__Output | null);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'served': (number);
  'connections': (number);
  'bytesUp': (string);
  'bytesDown': (string);
  'token': (string);
  'ticket': (string);
  'hint': (_broker_v1_Hint__Output | null);
}
