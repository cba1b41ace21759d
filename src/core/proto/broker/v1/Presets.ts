// Original file: proto/broker/v1/presets.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListPresetsRequest as _broker_v1_ListPresetsRequest, ListPresetsRequest__Output as _broker_v1_ListPresetsRequest__Output } from '../../broker/v1/ListPresetsRequest.ts';
import type { ListPresetsResponse as _broker_v1_ListPresetsResponse, ListPresetsResponse__Output as _broker_v1_ListPresetsResponse__Output } from '../../broker/v1/ListPresetsResponse.ts';

export interface PresetsClient extends grpc.Client {
  List(argument: _broker_v1_ListPresetsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListPresetsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListPresetsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListPresetsRequest, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListPresetsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListPresetsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListPresetsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListPresetsRequest, callback: grpc.requestCallback<_broker_v1_ListPresetsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface PresetsHandlers extends grpc.UntypedServiceImplementation {
  List: grpc.handleUnaryCall<_broker_v1_ListPresetsRequest__Output, _broker_v1_ListPresetsResponse>;
  
}

export interface PresetsDefinition extends grpc.ServiceDefinition {
  List: MethodDefinition<_broker_v1_ListPresetsRequest, _broker_v1_ListPresetsResponse, _broker_v1_ListPresetsRequest__Output, _broker_v1_ListPresetsResponse__Output>
}
