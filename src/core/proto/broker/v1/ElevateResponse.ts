// Original file: proto/broker/v1/vault.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface ElevateResponse {
  'token'?: (string);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
}

export interface ElevateResponse__Output {
  'token': (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
}
