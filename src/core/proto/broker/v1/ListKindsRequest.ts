// Original file: proto/broker/v1/kinds.proto


export interface ListKindsRequest {
}

export interface ListKindsRequest__Output {
}
