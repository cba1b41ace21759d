// Original file: proto/broker/v1/tokens.proto


export interface RevokeTokenRequest {
  'token'?: (string);
}

export interface RevokeTokenRequest__Output {
  'token': (string);
}
