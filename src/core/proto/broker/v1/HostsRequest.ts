// Original file: proto/broker/v1/ssh.proto


export interface HostsRequest {
}

export interface HostsRequest__Output {
}
