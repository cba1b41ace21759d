// Original file: proto/broker/v1/vault.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface KeySlot {
  'index'?: (number);
  'type'?: (string);
  'label'?: (string);
  'createdAt'?: (_google_protobuf_Timestamp | null);
}

export interface KeySlot__Output {
  'index': (number);
  'type': (string);
  'label': (string);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
}
