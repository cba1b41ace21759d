// Original file: proto/broker/v1/sessions.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CloseSessionRequest as _broker_v1_CloseSessionRequest, CloseSessionRequest__Output as _broker_v1_CloseSessionRequest__Output } from '../../broker/v1/CloseSessionRequest.ts';
import type { ConnectRequest as _broker_v1_ConnectRequest, ConnectRequest__Output as _broker_v1_ConnectRequest__Output } from '../../broker/v1/ConnectRequest.ts';
import type { ConnectResponse as _broker_v1_ConnectResponse, ConnectResponse__Output as _broker_v1_ConnectResponse__Output } from '../../broker/v1/ConnectResponse.ts';
import type { ListSessionsRequest as _broker_v1_ListSessionsRequest, ListSessionsRequest__Output as _broker_v1_ListSessionsRequest__Output } from '../../broker/v1/ListSessionsRequest.ts';
import type { ListSessionsResponse as _broker_v1_ListSessionsResponse, ListSessionsResponse__Output as _broker_v1_ListSessionsResponse__Output } from '../../broker/v1/ListSessionsResponse.ts';
import type { OpenSessionRequest as _broker_v1_OpenSessionRequest, OpenSessionRequest__Output as _broker_v1_OpenSessionRequest__Output } from '../../broker/v1/OpenSessionRequest.ts';
import type { Session as _broker_v1_Session, Session__Output as _broker_v1_Session__Output } from '../../broker/v1/Session.ts';
import type { WatchSessionsRequest as _broker_v1_WatchSessionsRequest, WatchSessionsRequest__Output as _broker_v1_WatchSessionsRequest__Output } from '../../broker/v1/WatchSessionsRequest.ts';

export interface SessionsClient extends grpc.Client {
  Close(argument: _broker_v1_CloseSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Close(argument: _broker_v1_CloseSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Close(argument: _broker_v1_CloseSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Close(argument: _broker_v1_CloseSessionRequest, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  
  Connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ConnectRequest, _broker_v1_ConnectResponse__Output>;
  Connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ConnectRequest, _broker_v1_ConnectResponse__Output>;
  connect(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ConnectRequest, _broker_v1_ConnectResponse__Output>;
  connect(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ConnectRequest, _broker_v1_ConnectResponse__Output>;
  
  List(argument: _broker_v1_ListSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListSessionsRequest, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListSessionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListSessionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListSessionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListSessionsRequest, callback: grpc.requestCallback<_broker_v1_ListSessionsResponse__Output>): grpc.ClientUnaryCall;
  
  Open(argument: _broker_v1_OpenSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Open(argument: _broker_v1_OpenSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Open(argument: _broker_v1_OpenSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  Open(argument: _broker_v1_OpenSessionRequest, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  open(argument: _broker_v1_OpenSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  open(argument: _broker_v1_OpenSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  open(argument: _broker_v1_OpenSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  open(argument: _broker_v1_OpenSessionRequest, callback: grpc.requestCallback<_broker_v1_Session__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _broker_v1_WatchSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_Session__Output>;
  Watch(argument: _broker_v1_WatchSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_Session__Output>;
  watch(argument: _broker_v1_WatchSessionsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_Session__Output>;
  watch(argument: _broker_v1_WatchSessionsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_Session__Output>;
  
}

export interface SessionsHandlers extends grpc.UntypedServiceImplementation {
  Close: grpc.handleUnaryCall<_broker_v1_CloseSessionRequest__Output, _broker_v1_Session>;
  
  Connect: grpc.handleBidiStreamingCall<_broker_v1_ConnectRequest__Output, _broker_v1_ConnectResponse>;
  
  List: grpc.handleUnaryCall<_broker_v1_ListSessionsRequest__Output, _broker_v1_ListSessionsResponse>;
  
  Open: grpc.handleUnaryCall<_broker_v1_OpenSessionRequest__Output, _broker_v1_Session>;
  
  Watch: grpc.handleServerStreamingCall<_broker_v1_WatchSessionsRequest__Output, _broker_v1_Session>;
  
}

export interface SessionsDefinition extends grpc.ServiceDefinition {
  Close: MethodDefinition<_broker_v1_CloseSessionRequest, _broker_v1_Session, _broker_v1_CloseSessionRequest__Output, _broker_v1_Session__Output>
  Connect: MethodDefinition<_broker_v1_ConnectRequest, _broker_v1_ConnectResponse, _broker_v1_ConnectRequest__Output, _broker_v1_ConnectResponse__Output>
  List: MethodDefinition<_broker_v1_ListSessionsRequest, _broker_v1_ListSessionsResponse, _broker_v1_ListSessionsRequest__Output, _broker_v1_ListSessionsResponse__Output>
  Open: MethodDefinition<_broker_v1_OpenSessionRequest, _broker_v1_Session, _broker_v1_OpenSessionRequest__Output, _broker_v1_Session__Output>
  Watch: MethodDefinition<_broker_v1_WatchSessionsRequest, _broker_v1_Session, _broker_v1_WatchSessionsRequest__Output, _broker_v1_Session__Output>
}
