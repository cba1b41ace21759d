// Original file: proto/broker/v1/oauth.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface OAuthStatusRequest {
  'id'?: (string);
  'wait'?: (_google_protobuf_Duration | null);
}

export interface OAuthStatusRequest__Output {
  'id': (string);
  'wait': (_google_protobuf_Duration__Output | null);
}
