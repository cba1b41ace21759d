// Original file: proto/broker/v1/tokens.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateTokenRequest as _broker_v1_CreateTokenRequest, CreateTokenRequest__Output as _broker_v1_CreateTokenRequest__Output } from '../../broker/v1/CreateTokenRequest.ts';
import type { CreateTokenResponse as _broker_v1_CreateTokenResponse, CreateTokenResponse__Output as _broker_v1_CreateTokenResponse__Output } from '../../broker/v1/CreateTokenResponse.ts';
import type { ListTokensRequest as _broker_v1_ListTokensRequest, ListTokensRequest__Output as _broker_v1_ListTokensRequest__Output } from '../../broker/v1/ListTokensRequest.ts';
import type { ListTokensResponse as _broker_v1_ListTokensResponse, ListTokensResponse__Output as _broker_v1_ListTokensResponse__Output } from '../../broker/v1/ListTokensResponse.ts';
import type { RevokeTokenRequest as _broker_v1_RevokeTokenRequest, RevokeTokenRequest__Output as _broker_v1_RevokeTokenRequest__Output } from '../../broker/v1/RevokeTokenRequest.ts';
import type { Token as _broker_v1_Token, Token__Output as _broker_v1_Token__Output } from '../../broker/v1/Token.ts';

export interface TokensClient extends grpc.Client {
  Create(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _broker_v1_CreateTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  Create(argument: _broker_v1_CreateTokenRequest, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _broker_v1_CreateTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  create(argument: _broker_v1_CreateTokenRequest, callback: grpc.requestCallback<_broker_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  
  Hold(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_CreateTokenResponse__Output>;
  Hold(argument: _broker_v1_CreateTokenRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_CreateTokenResponse__Output>;
  hold(argument: _broker_v1_CreateTokenRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_CreateTokenResponse__Output>;
  hold(argument: _broker_v1_CreateTokenRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_CreateTokenResponse__Output>;
  
  List(argument: _broker_v1_ListTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListTokensRequest, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListTokensRequest, callback: grpc.requestCallback<_broker_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  
  Revoke(argument: _broker_v1_RevokeTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _broker_v1_RevokeTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _broker_v1_RevokeTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _broker_v1_RevokeTokenRequest, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  revoke(argument: _broker_v1_RevokeTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  revoke(argument: _broker_v1_RevokeTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  revoke(argument: _broker_v1_RevokeTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  revoke(argument: _broker_v1_RevokeTokenRequest, callback: grpc.requestCallback<_broker_v1_Token__Output>): grpc.ClientUnaryCall;
  
}

export interface TokensHandlers extends grpc.UntypedServiceImplementation {
  Create: grpc.handleUnaryCall<_broker_v1_CreateTokenRequest__Output, _broker_v1_CreateTokenResponse>;
  
  Hold: grpc.handleServerStreamingCall<_broker_v1_CreateTokenRequest__Output, _broker_v1_CreateTokenResponse>;
  
  List: grpc.handleUnaryCall<_broker_v1_ListTokensRequest__Output, _broker_v1_ListTokensResponse>;
  
  Revoke: grpc.handleUnaryCall<_broker_v1_RevokeTokenRequest__Output, _broker_v1_Token>;
  
}

export interface TokensDefinition extends grpc.ServiceDefinition {
  Create: MethodDefinition<_broker_v1_CreateTokenRequest, _broker_v1_CreateTokenResponse, _broker_v1_CreateTokenRequest__Output, _broker_v1_CreateTokenResponse__Output>
  Hold: MethodDefinition<_broker_v1_CreateTokenRequest, _broker_v1_CreateTokenResponse, _broker_v1_CreateTokenRequest__Output, _broker_v1_CreateTokenResponse__Output>
  List: MethodDefinition<_broker_v1_ListTokensRequest, _broker_v1_ListTokensResponse, _broker_v1_ListTokensRequest__Output, _broker_v1_ListTokensResponse__Output>
  Revoke: MethodDefinition<_broker_v1_RevokeTokenRequest, _broker_v1_Token, _broker_v1_RevokeTokenRequest__Output, _broker_v1_Token__Output>
}
