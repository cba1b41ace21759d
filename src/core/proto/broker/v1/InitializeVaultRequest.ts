// Original file: proto/broker/v1/vault.proto


export interface InitializeVaultRequest {
  'password'?: (Buffer | Uint8Array | string);
}

export interface InitializeVaultRequest__Output {
  'password': (Buffer);
}
