// Original file: proto/broker/v1/vault.proto


export interface BackupVaultRequest {
}

export interface BackupVaultRequest__Output {
}
