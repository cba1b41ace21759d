// Original file: proto/broker/v1/ssh.proto


export interface UploadStart {
  'service'?: (string);
  'path'?: (string);
  'name'?: (string);
  'mode'?: (number);
  'reason'?: (string);
  '_mode'?: "mode";
}

export interface UploadStart__Output {
  'service': (string);
  'path': (string);
  'name': (string);
  'mode'?: (number);
  'reason': (string);
  '_mode'?: "mode";
}
