// Original file: proto/broker/v1/vault.proto


export interface UnlockVaultRequest {
  'password'?: (Buffer | Uint8Array | string);
  'key'?: (Buffer | Uint8Array | string);
  'credential'?: "password"|"key";
}

export interface UnlockVaultRequest__Output {
  'password'?: (Buffer);
  'key'?: (Buffer);
  'credential'?: "password"|"key";
}
