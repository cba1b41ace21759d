// Original file: proto/broker/v1/tokens.proto

import type { TokenGrant as _broker_v1_TokenGrant, TokenGrant__Output as _broker_v1_TokenGrant__Output } from '../../broker/v1/TokenGrant.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface Token {
  'id'?: (string);
  'name'?: (string);
  'scope'?: (string);
  'grants'?: (_broker_v1_TokenGrant)[];
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'expiresAt'?: (_google_protobuf_Timestamp | null);
  'parent'?: (string);
  'boundUid'?: (number);
  '_boundUid'?: "boundUid";
}

export interface Token__Output {
  'id': (string);
  'name': (string);
  'scope': (string);
  'grants': (_broker_v1_TokenGrant__Output)[];
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'expiresAt': (_google_protobuf_Timestamp__Output | null);
  'parent': (string);
  'boundUid'?: (number);
  '_boundUid'?: "boundUid";
}
