// Original file: proto/broker/v1/services.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface ServicePolicy {
  'allowTokens'?: (string)[];
  'allowUids'?: (number)[];
  'maxSessions'?: (number);
  'maxLifetime'?: (_google_protobuf_Duration | null);
}

export interface ServicePolicy__Output {
  'allowTokens': (string)[];
  'allowUids': (number)[];
  'maxSessions': (number);
  'maxLifetime': (_google_protobuf_Duration__Output | null);
}
