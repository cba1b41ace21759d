// Original file: proto/broker/v1/vault.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface ElevateRequest {
  'password'?: (Buffer | Uint8Array | string);
  'ttl'?: (_google_protobuf_Duration | null);
}

export interface ElevateRequest__Output {
  'password': (Buffer);
  'ttl': (_google_protobuf_Duration__Output | null);
}
