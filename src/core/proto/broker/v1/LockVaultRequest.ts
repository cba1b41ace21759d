// Original file: proto/broker/v1/vault.proto


export interface LockVaultRequest {
  'reason'?: (string);
}

export interface LockVaultRequest__Output {
  'reason': (string);
}
