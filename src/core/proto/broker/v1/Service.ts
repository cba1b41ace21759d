// Original file: proto/broker/v1/services.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';
import type { ServicePolicy as _broker_v1_ServicePolicy, ServicePolicy__Output as _broker_v1_ServicePolicy__Output } from '../../broker/v1/ServicePolicy.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface Service {
  'name'?: (string);
  'kind'?: (string);
  'config'?: (_google_protobuf_Struct | null);
  'secretsSet'?: (string)[];
  'policy'?: (_broker_v1_ServicePolicy | null);
  'revision'?: (number | string | Long);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'updatedAt'?: (_google_protobuf_Timestamp | null);
  'target'?: (string);
  'listenError'?: (string);
}

export interface Service__Output {
  'name': (string);
  'kind': (string);
  'config': (_google_protobuf_Struct__Output | null);
  'secretsSet': (string)[];
  'policy': (_broker_v1_ServicePolicy__Output | null);
  'revision': (string);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'updatedAt': (_google_protobuf_Timestamp__Output | null);
  'target': (string);
  'listenError': (string);
}
