// Original file: proto/broker/v1/services.proto


export interface ClearCookiesRequest {
  'name'?: (string);
}

export interface ClearCookiesRequest__Output {
  'name': (string);
}
