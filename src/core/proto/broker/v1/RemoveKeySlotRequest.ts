// Original file: proto/broker/v1/vault.proto


export interface RemoveKeySlotRequest {
  'label'?: (string);
}

export interface RemoveKeySlotRequest__Output {
  'label': (string);
}
