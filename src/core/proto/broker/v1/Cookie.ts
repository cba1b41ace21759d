// Original file: proto/broker/v1/services.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface Cookie {
  'name'?: (string);
  'domain'?: (string);
  'path'?: (string);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'token'?: (string);
}

export interface Cookie__Output {
  'name': (string);
  'domain': (string);
  'path': (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'token': (string);
}
