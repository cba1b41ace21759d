// Original file: proto/broker/v1/services.proto


export interface TrustServiceRequest {
  'name'?: (string);
  'fingerprints'?: (string)[];
}

export interface TrustServiceRequest__Output {
  'name': (string);
  'fingerprints': (string)[];
}
