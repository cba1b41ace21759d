// Original file: proto/broker/v1/files.proto


export interface PutFileRequest {
  'name'?: (string);
  'data'?: (Buffer | Uint8Array | string);
}

export interface PutFileRequest__Output {
  'name': (string);
  'data': (Buffer);
}
