// Original file: proto/broker/v1/files.proto


export interface GetFileRequest {
  'name'?: (string);
}

export interface GetFileRequest__Output {
  'name': (string);
}
