// Original file: proto/broker/v1/ssh.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoteFile {
  'path'?: (string);
  'size'?: (number | string | Long);
  'mode'?: (number);
  '_mode'?: "mode";
}

export interface RemoteFile__Output {
  'path': (string);
  'size': (string);
  'mode'?: (number);
  '_mode'?: "mode";
}
