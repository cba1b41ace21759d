// Original file: proto/broker/v1/ssh.proto

import type { RemoteFile as _broker_v1_RemoteFile, RemoteFile__Output as _broker_v1_RemoteFile__Output } from '../../broker/v1/RemoteFile.ts';

export interface DownloadResponse {
  'file'?: (_broker_v1_RemoteFile | null);
  'data'?: (Buffer | Uint8Array | string);
  'message'?: "file"|"data";
}

export interface DownloadResponse__Output {
  'file'?: (_broker_v1_RemoteFile__Output | null);
  'data'?: (Buffer);
  'message'?: "file"|"data";
}
