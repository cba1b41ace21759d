// Original file: proto/broker/v1/ssh.proto


export interface DownloadRequest {
  'service'?: (string);
  'path'?: (string);
  'reason'?: (string);
}

export interface DownloadRequest__Output {
  'service': (string);
  'path': (string);
  'reason': (string);
}
