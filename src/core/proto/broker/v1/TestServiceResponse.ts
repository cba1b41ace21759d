// Original file: proto/broker/v1/services.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface _broker_v1_TestServiceResponse_Hop {
  'name'?: (string);
  'ok'?: (boolean);
  'detail'?: (string);
  'took'?: (_google_protobuf_Duration | null);
}

export interface _broker_v1_TestServiceResponse_Hop__Output {
  'name': (string);
  'ok': (boolean);
  'detail': (string);
  'took': (_google_protobuf_Duration__Output | null);
}

export interface TestServiceResponse {
  'ok'?: (boolean);
  'hops'?: (_broker_v1_TestServiceResponse_Hop)[];
  'error'?: (string);
  'hint'?: (string);
}

export interface TestServiceResponse__Output {
  'ok': (boolean);
  'hops': (_broker_v1_TestServiceResponse_Hop__Output)[];
  'error': (string);
  'hint': (string);
}
