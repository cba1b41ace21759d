// Original file: proto/broker/v1/services.proto


export interface _broker_v1_TrustServiceResponse_ServerKey {
  'type'?: (string);
  'fingerprint'?: (string);
  'pinned'?: (boolean);
}

export interface _broker_v1_TrustServiceResponse_ServerKey__Output {
  'type': (string);
  'fingerprint': (string);
  'pinned': (boolean);
}

export interface TrustServiceResponse {
  'keys'?: (_broker_v1_TrustServiceResponse_ServerKey)[];
}

export interface TrustServiceResponse__Output {
  'keys': (_broker_v1_TrustServiceResponse_ServerKey__Output)[];
}
