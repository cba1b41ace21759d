// Original file: proto/broker/v1/services.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';
import type { ServicePolicy as _broker_v1_ServicePolicy, ServicePolicy__Output as _broker_v1_ServicePolicy__Output } from '../../broker/v1/ServicePolicy.ts';

export interface PutServiceRequest {
  'name'?: (string);
  'kind'?: (string);
  'config'?: (_google_protobuf_Struct | null);
  'secrets'?: ({[key: string]: Buffer | Uint8Array | string});
  'policy'?: (_broker_v1_ServicePolicy | null);
  'createOnly'?: (boolean);
}

export interface PutServiceRequest__Output {
  'name': (string);
  'kind': (string);
  'config': (_google_protobuf_Struct__Output | null);
  'secrets': ({[key: string]: Buffer});
  'policy': (_broker_v1_ServicePolicy__Output | null);
  'createOnly': (boolean);
}
