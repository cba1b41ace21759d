// Original file: proto/broker/v1/ssh.proto

import type { ExecStart as _broker_v1_ExecStart, ExecStart__Output as _broker_v1_ExecStart__Output } from '../../broker/v1/ExecStart.ts';
import type { TerminalSize as _broker_v1_TerminalSize, TerminalSize__Output as _broker_v1_TerminalSize__Output } from '../../broker/v1/TerminalSize.ts';

export interface ExecRequest {
  'start'?: (_broker_v1_ExecStart | null);
  'stdin'?: (Buffer | Uint8Array | string);
  'endOfInput'?: (boolean);
  'resize'?: (_broker_v1_TerminalSize | null);
  'message'?: "start"|"stdin"|"endOfInput"|"resize";
}

export interface ExecRequest__Output {
  'start'?: (_broker_v1_ExecStart__Output | null);
  'stdin'?: (Buffer);
  'endOfInput'?: (boolean);
  'resize'?: (_broker_v1_TerminalSize__Output | null);
  'message'?: "start"|"stdin"|"endOfInput"|"resize";
}
