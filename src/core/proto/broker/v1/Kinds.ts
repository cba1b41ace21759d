// Original file: proto/broker/v1/kinds.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListKindsRequest as _broker_v1_ListKindsRequest, ListKindsRequest__Output as _broker_v1_ListKindsRequest__Output } from '../../broker/v1/ListKindsRequest.ts';
import type { ListKindsResponse as _broker_v1_ListKindsResponse, ListKindsResponse__Output as _broker_v1_ListKindsResponse__Output } from '../../broker/v1/ListKindsResponse.ts';

export interface KindsClient extends grpc.Client {
  List(argument: _broker_v1_ListKindsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListKindsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListKindsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListKindsRequest, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListKindsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListKindsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListKindsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListKindsRequest, callback: grpc.requestCallback<_broker_v1_ListKindsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface KindsHandlers extends grpc.UntypedServiceImplementation {
  List: grpc.handleUnaryCall<_broker_v1_ListKindsRequest__Output, _broker_v1_ListKindsResponse>;
  
}

export interface KindsDefinition extends grpc.ServiceDefinition {
  List: MethodDefinition<_broker_v1_ListKindsRequest, _broker_v1_ListKindsResponse, _broker_v1_ListKindsRequest__Output, _broker_v1_ListKindsResponse__Output>
}
