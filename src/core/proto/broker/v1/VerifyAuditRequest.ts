// Original file: proto/broker/v1/audit.proto


export interface VerifyAuditRequest {
}

export interface VerifyAuditRequest__Output {
}
