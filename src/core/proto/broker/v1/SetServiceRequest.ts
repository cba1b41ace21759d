// Original file: proto/broker/v1/services.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';
import type { ServicePolicy as _broker_v1_ServicePolicy, ServicePolicy__Output as _broker_v1_ServicePolicy__Output } from '../../broker/v1/ServicePolicy.ts';
import type { Long } from '@grpc/proto-loader';

export interface SetServiceRequest {
  'name'?: (string);
  'config'?: (_google_protobuf_Struct | null);
  'secrets'?: ({[key: string]: Buffer | Uint8Array | string});
  'policy'?: (_broker_v1_ServicePolicy | null);
  'ifRevision'?: (number | string | Long);
}

export interface SetServiceRequest__Output {
  'name': (string);
  'config': (_google_protobuf_Struct__Output | null);
  'secrets': ({[key: string]: Buffer});
  'policy': (_broker_v1_ServicePolicy__Output | null);
  'ifRevision': (string);
}
