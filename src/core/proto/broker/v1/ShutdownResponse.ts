// Original file: proto/broker/v1/daemon.proto


export interface ShutdownResponse {
}

export interface ShutdownResponse__Output {
}
