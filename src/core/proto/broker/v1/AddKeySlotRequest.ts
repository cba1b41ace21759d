// Original file: proto/broker/v1/vault.proto


export interface AddKeySlotRequest {
  'key'?: (Buffer | Uint8Array | string);
  'label'?: (string);
}

export interface AddKeySlotRequest__Output {
  'key': (Buffer);
  'label': (string);
}
