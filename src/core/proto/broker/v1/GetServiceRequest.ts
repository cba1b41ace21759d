// Original file: proto/broker/v1/services.proto


export interface GetServiceRequest {
  'name'?: (string);
}

export interface GetServiceRequest__Output {
  'name': (string);
}
