// Original file: /work/main/proto/broker/v1/sessions.proto


export interface ListSessionsRequest {
}

export interface ListSessionsRequest__Output {
}
