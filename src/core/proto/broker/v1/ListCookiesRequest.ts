// Original file: proto/broker/v1/services.proto


export interface ListCookiesRequest {
  'name'?: (string);
}

export interface ListCookiesRequest__Output {
  'name': (string);
}
