// Original file: proto/broker/v1/files.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface File {
  'name'?: (string);
  'size'?: (number | string | Long);
  'updatedAt'?: (_google_protobuf_Timestamp | null);
}

export interface File__Output {
  'name': (string);
  'size': (string);
  'updatedAt': (_google_protobuf_Timestamp__Output | null);
}
