// Original file: proto/broker/v1/ssh.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ExecRequest as _broker_v1_ExecRequest, ExecRequest__Output as _broker_v1_ExecRequest__Output } from '../../broker/v1/ExecRequest.ts';
import type { ExecResponse as _broker_v1_ExecResponse, ExecResponse__Output as _broker_v1_ExecResponse__Output } from '../../broker/v1/ExecResponse.ts';

export interface SshClient extends grpc.Client {
  Exec(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  Exec(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  exec(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  exec(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  
}

export interface SshHandlers extends grpc.UntypedServiceImplementation {
  Exec: grpc.handleBidiStreamingCall<_broker_v1_ExecRequest__Output, _broker_v1_ExecResponse>;
  
}

export interface SshDefinition extends grpc.ServiceDefinition {
  Exec: MethodDefinition<_broker_v1_ExecRequest, _broker_v1_ExecResponse, _broker_v1_ExecRequest__Output, _broker_v1_ExecResponse__Output>
}
