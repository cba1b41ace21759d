// Original file: proto/broker/v1/ssh.proto

import type { Long } from '@grpc/proto-loader';

export interface UploadResponse {
  'path'?: (string);
  'bytes'?: (number | string | Long);
}

export interface UploadResponse__Output {
  'path': (string);
  'bytes': (string);
}
