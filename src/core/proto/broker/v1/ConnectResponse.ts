// Original file: proto/broker/v1/sessions.proto


export interface ConnectResponse {
  'data'?: (Buffer | Uint8Array | string);
}

export interface ConnectResponse__Output {
  'data': (Buffer);
}
