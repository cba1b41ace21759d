// Original file: proto/broker/v1/ssh.proto


export interface _broker_v1_HostsResponse_Host {
  'service'?: (string);
  'user'?: (string);
  'hostKey'?: (string);
}

export interface _broker_v1_HostsResponse_Host__Output {
  'service': (string);
  'user': (string);
  'hostKey': (string);
}

export interface HostsResponse {
  'hosts'?: (_broker_v1_HostsResponse_Host)[];
}

export interface HostsResponse__Output {
  'hosts': (_broker_v1_HostsResponse_Host__Output)[];
}
