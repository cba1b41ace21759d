// Original file: proto/broker/v1/oauth.proto


export interface BeginOAuthRequest {
  'service'?: (string);
  'device'?: (boolean);
  'redirectUri'?: (string);
}

export interface BeginOAuthRequest__Output {
  'service': (string);
  'device': (boolean);
  'redirectUri': (string);
}
