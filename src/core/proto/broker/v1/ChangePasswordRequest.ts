// Original file: proto/broker/v1/vault.proto


export interface ChangePasswordRequest {
  'oldPassword'?: (Buffer | Uint8Array | string);
  'newPassword'?: (Buffer | Uint8Array | string);
  'rekey'?: (boolean);
}

export interface ChangePasswordRequest__Output {
  'oldPassword': (Buffer);
  'newPassword': (Buffer);
  'rekey': (boolean);
}
