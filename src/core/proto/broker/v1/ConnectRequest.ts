// Original file: proto/broker/v1/sessions.proto

import type { ConnectStart as _broker_v1_ConnectStart, ConnectStart__Output as _broker_v1_ConnectStart__Output } from '../../broker/v1/ConnectStart.ts';

export interface ConnectRequest {
  'start'?: (_broker_v1_ConnectStart | null);
  'data'?: (Buffer | Uint8Array | string);
  'part'?: "start"|"data";
}

export interface ConnectRequest__Output {
  'start'?: (_broker_v1_ConnectStart__Output | null);
  'data'?: (Buffer);
  'part'?: "start"|"data";
}
