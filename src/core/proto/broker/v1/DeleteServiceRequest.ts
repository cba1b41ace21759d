// Original file: proto/broker/v1/services.proto


export interface DeleteServiceRequest {
  'name'?: (string);
}

export interface DeleteServiceRequest__Output {
  'name': (string);
}
