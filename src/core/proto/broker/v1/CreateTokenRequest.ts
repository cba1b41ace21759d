// Original file: proto/broker/v1/tokens.proto

import type { TokenGrant as _broker_v1_TokenGrant, TokenGrant__Output as _broker_v1_TokenGrant__Output } from '../../broker/v1/TokenGrant.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface CreateTokenRequest {
  'name'?: (string);
  'scope'?: (string);
  'grants'?: (_broker_v1_TokenGrant)[];
  'ttl'?: (_google_protobuf_Duration | null);
  'anyUid'?: (boolean);
}

export interface CreateTokenRequest__Output {
  'name': (string);
  'scope': (string);
  'grants': (_broker_v1_TokenGrant__Output)[];
  'ttl': (_google_protobuf_Duration__Output | null);
  'anyUid': (boolean);
}
