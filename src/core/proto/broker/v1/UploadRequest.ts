// Original file: proto/broker/v1/ssh.proto

import type { UploadStart as _broker_v1_UploadStart, UploadStart__Output as _broker_v1_UploadStart__Output } from '../../broker/v1/UploadStart.ts';

export interface UploadRequest {
  'start'?: (_broker_v1_UploadStart | null);
  'data'?: (Buffer | Uint8Array | string);
  'done'?: (boolean);
  'message'?: "start"|"data"|"done";
}

export interface UploadRequest__Output {
  'start'?: (_broker_v1_UploadStart__Output | null);
  'data'?: (Buffer);
  'done'?: (boolean);
  'message'?: "start"|"data"|"done";
}
