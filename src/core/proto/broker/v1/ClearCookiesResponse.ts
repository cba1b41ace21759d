// Original file: proto/broker/v1/services.proto


export interface ClearCookiesResponse {
  'cleared'?: (number);
}

export interface ClearCookiesResponse__Output {
  'cleared': (number);
}
