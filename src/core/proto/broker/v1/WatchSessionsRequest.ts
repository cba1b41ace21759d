// Original file: proto/broker/v1/sessions.proto


export interface WatchSessionsRequest {
}

export interface WatchSessionsRequest__Output {
}
