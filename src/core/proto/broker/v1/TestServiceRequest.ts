// Original file: proto/broker/v1/services.proto


export interface TestServiceRequest {
  'name'?: (string);
}

export interface TestServiceRequest__Output {
  'name': (string);
}
