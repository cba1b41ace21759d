// Original file: proto/broker/v1/vault.proto


export interface VaultStatusRequest {
}

export interface VaultStatusRequest__Output {
}
