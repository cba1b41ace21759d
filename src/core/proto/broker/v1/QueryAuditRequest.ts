// Original file: proto/broker/v1/audit.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface QueryAuditRequest {
  'since'?: (_google_protobuf_Timestamp | null);
  'until'?: (_google_protobuf_Timestamp | null);
  'service'?: (string);
  'action'?: (string);
  'outcome'?: (string);
  'token'?: (string);
  'limit'?: (number);
  'follow'?: (boolean);
}

export interface QueryAuditRequest__Output {
  'since': (_google_protobuf_Timestamp__Output | null);
  'until': (_google_protobuf_Timestamp__Output | null);
  'service': (string);
  'action': (string);
  'outcome': (string);
  'token': (string);
  'limit': (number);
  'follow': (boolean);
}
