// Original file: proto/broker/v1/sessions.proto


export interface CloseSessionRequest {
  'id'?: (string);
}

export interface CloseSessionRequest__Output {
  'id': (string);
}
