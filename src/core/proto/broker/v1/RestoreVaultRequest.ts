// Original file: proto/broker/v1/vault.proto


export interface RestoreVaultRequest {
  'password'?: (Buffer | Uint8Array | string);
  'data'?: (Buffer | Uint8Array | string);
}

export interface RestoreVaultRequest__Output {
  'password': (Buffer);
  'data': (Buffer);
}
