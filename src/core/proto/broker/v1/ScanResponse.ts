// Original file: proto/broker/v1/vault.proto


export interface ScanResponse {
  'matches'?: (number)[];
  'files'?: (string)[];
}

export interface ScanResponse__Output {
  'matches': (number)[];
  'files': (string)[];
}
