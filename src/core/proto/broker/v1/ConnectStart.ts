// Original file: proto/broker/v1/sessions.proto


export interface ConnectStart {
  'service'?: (string);
  'reason'?: (string);
  'session'?: (string);
}

export interface ConnectStart__Output {
  'service': (string);
  'reason': (string);
  'session': (string);
}
