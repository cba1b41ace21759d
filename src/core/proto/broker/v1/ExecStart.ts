// Original file: proto/broker/v1/ssh.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { TerminalSize as _broker_v1_TerminalSize, TerminalSize__Output as _broker_v1_TerminalSize__Output } from '../../broker/v1/TerminalSize.ts';

export interface ExecStart {
  'service'?: (string);
  'argv'?: (string)[];
  'timeout'?: (_google_protobuf_Duration | null);
  'reason'?: (string);
  'terminal'?: (_broker_v1_TerminalSize | null);
  'terminalType'?: (string);
}

export interface ExecStart__Output {
  'service': (string);
  'argv': (string)[];
  'timeout': (_google_protobuf_Duration__Output | null);
  'reason': (string);
  'terminal': (_broker_v1_TerminalSize__Output | null);
  'terminalType': (string);
}
