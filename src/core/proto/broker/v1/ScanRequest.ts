// Original file: proto/broker/v1/vault.proto


export interface ScanRequest {
  'values'?: (Buffer | Uint8Array | string)[];
  'home'?: (boolean);
}

export interface ScanRequest__Output {
  'values': (Buffer)[];
  'home': (boolean);
}
