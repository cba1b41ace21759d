// Original file: proto/broker/v1/vault.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { KeySlot as _broker_v1_KeySlot, KeySlot__Output as _broker_v1_KeySlot__Output } from '../../broker/v1/KeySlot.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: proto/broker/v1/vault.proto

export const _broker_v1_VaultStatus_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  STATE_ABSENT: 'STATE_ABSENT',
  STATE_LOCKED: 'STATE_LOCKED',
  STATE_UNLOCKED: 'STATE_UNLOCKED',
} as const;

export type _broker_v1_VaultStatus_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'STATE_ABSENT'
  | 1
  | 'STATE_LOCKED'
  | 2
  | 'STATE_UNLOCKED'
  | 3

export type _broker_v1_VaultStatus_State__Output = typeof _broker_v1_VaultStatus_State[keyof typeof _broker_v1_VaultStatus_State]

export interface _broker_v1_VaultStatus_TokenInfo {
  'id'?: (string);
  'name'?: (string);
  'scope'?: (string);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
}

export interface _broker_v1_VaultStatus_TokenInfo__Output {
  'id': (string);
  'name': (string);
  'scope': (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
}

export interface VaultStatus {
  'state'?: (_broker_v1_VaultStatus_State);
  'version'?: (string);
  'pid'?: (number);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'generation'?: (number | string | Long);
  'slots'?: (_broker_v1_KeySlot)[];
  'openSessions'?: (number);
  'caller'?: (_broker_v1_VaultStatus_TokenInfo | null);
  'weaknesses'?: (string)[];
  'http'?: (string);
}

export interface VaultStatus__Output {
  'state': (_broker_v1_VaultStatus_State__Output);
  'version': (string);
  'pid': (number);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'generation': (string);
  'slots': (_broker_v1_KeySlot__Output)[];
  'openSessions': (number);
  'caller': (_broker_v1_VaultStatus_TokenInfo__Output | null);
  'weaknesses': (string)[];
  'http': (string);
}
