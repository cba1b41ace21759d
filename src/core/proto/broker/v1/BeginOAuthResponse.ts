// Original file: proto/broker/v1/oauth.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface BeginOAuthResponse {
  'id'?: (string);
  'url'?: (string);
  'userCode'?: (string);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
}

export interface BeginOAuthResponse__Output {
  'id': (string);
  'url': (string);
  'userCode': (string);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
}
