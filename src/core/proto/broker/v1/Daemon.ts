// Original file: proto/broker/v1/daemon.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ShutdownRequest as _broker_v1_ShutdownRequest, ShutdownRequest__Output as _broker_v1_ShutdownRequest__Output } from '../../broker/v1/ShutdownRequest.ts';
import type { ShutdownResponse as _broker_v1_ShutdownResponse, ShutdownResponse__Output as _broker_v1_ShutdownResponse__Output } from '../../broker/v1/ShutdownResponse.ts';

export interface DaemonClient extends grpc.Client {
  Shutdown(argument: _broker_v1_ShutdownRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _broker_v1_ShutdownRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _broker_v1_ShutdownRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _broker_v1_ShutdownRequest, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _broker_v1_ShutdownRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _broker_v1_ShutdownRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _broker_v1_ShutdownRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _broker_v1_ShutdownRequest, callback: grpc.requestCallback<_broker_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface DaemonHandlers extends grpc.UntypedServiceImplementation {
  Shutdown: grpc.handleUnaryCall<_broker_v1_ShutdownRequest__Output, _broker_v1_ShutdownResponse>;
  
}

export interface DaemonDefinition extends grpc.ServiceDefinition {
  Shutdown: MethodDefinition<_broker_v1_ShutdownRequest, _broker_v1_ShutdownResponse, _broker_v1_ShutdownRequest__Output, _broker_v1_ShutdownResponse__Output>
}
