// Original file: proto/broker/v1/ssh.proto

import type { ExecExit as _broker_v1_ExecExit, ExecExit__Output as _broker_v1_ExecExit__Output } from '../../broker/v1/ExecExit.ts';

export interface ExecResponse {
  'stdout'?: (Buffer | Uint8Array | string);
  'stderr'?: (Buffer | Uint8Array | string);
  'exit'?: (_broker_v1_ExecExit | null);
  'message'?: "stdout"|"stderr"|"exit";
}

export interface ExecResponse__Output {
  'stdout'?: (Buffer);
  'stderr'?: (Buffer);
  'exit'?: (_broker_v1_ExecExit__Output | null);
  'message'?: "stdout"|"stderr"|"exit";
}
