// Original file: proto/broker/v1/ssh.proto


export interface TerminalSize {
  'columns'?: (number);
  'rows'?: (number);
}

export interface TerminalSize__Output {
  'columns': (number);
  'rows': (number);
}
