// Original file: proto/broker/v1/tokens.proto


export interface ListTokensRequest {
}

export interface ListTokensRequest__Output {
}
