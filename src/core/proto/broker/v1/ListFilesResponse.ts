// Original file: proto/broker/v1/files.proto

import type { File as _broker_v1_File, File__Output as _broker_v1_File__Output } from '../../broker/v1/File.ts';

export interface ListFilesResponse {
  'files'?: (_broker_v1_File)[];
}

export interface ListFilesResponse__Output {
  'files': (_broker_v1_File__Output)[];
}
