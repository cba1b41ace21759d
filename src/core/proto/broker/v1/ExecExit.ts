// Original file: proto/broker/v1/ssh.proto


export interface ExecExit {
  'code'?: (number);
  'signal'?: (string);
}

export interface ExecExit__Output {
  'code': (number);
  'signal': (string);
}
