// Original file: proto/broker/v1/sessions.proto


export interface ListSessionsRequest {
}

export interface ListSessionsRequest__Output {
}
