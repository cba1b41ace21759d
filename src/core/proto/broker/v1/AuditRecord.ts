// Original file: proto/broker/v1/audit.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { Long } from '@grpc/proto-loader';

export interface AuditRecord {
  'seq'?: (number | string | Long);
  'time'?: (_google_protobuf_Timestamp | null);
  'action'?: (string);
  'outcome'?: (string);
  'token'?: (string);
  'tokenId'?: (string);
  'uid'?: (number);
  'pid'?: (number);
  'executable'?: (string);
  'transport'?: (string);
  'service'?: (string);
  'kind'?: (string);
  'session'?: (string);
  'reason'?: (string);
  'code'?: (string);
  'message'?: (string);
  'duration'?: (_google_protobuf_Duration | null);
  'bytesUp'?: (number | string | Long);
  'bytesDown'?: (number | string | Long);
  'line'?: (string);
  '_uid'?: "uid";
  '_pid'?: "pid";
}

export interface AuditRecord__Output {
  'seq': (string);
  'time': (_google_protobuf_Timestamp__Output | null);
  'action': (string);
  'outcome': (string);
  'token': (string);
  'tokenId': (string);
  'uid'?: (number);
  'pid'?: (number);
  'executable': (string);
  'transport': (string);
  'service': (string);
  'kind': (string);
  'session': (string);
  'reason': (string);
  'code': (string);
  'message': (string);
  'duration': (_google_protobuf_Duration__Output | null);
  'bytesUp': (string);
  'bytesDown': (string);
  'line': (string);
  '_uid'?: "uid";
  '_pid'?: "pid";
}
