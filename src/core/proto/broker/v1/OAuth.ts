// Original file: proto/broker/v1/oauth.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BeginOAuthRequest as _broker_v1_BeginOAuthRequest, BeginOAuthRequest__Output as _broker_v1_BeginOAuthRequest__Output } from '../../broker/v1/BeginOAuthRequest.ts';
import type { BeginOAuthResponse as _broker_v1_BeginOAuthResponse, BeginOAuthResponse__Output as _broker_v1_BeginOAuthResponse__Output } from '../../broker/v1/BeginOAuthResponse.ts';
import type { OAuthStatus as _broker_v1_OAuthStatus, OAuthStatus__Output as _broker_v1_OAuthStatus__Output } from '../../broker/v1/OAuthStatus.ts';
import type { OAuthStatusRequest as _broker_v1_OAuthStatusRequest, OAuthStatusRequest__Output as _broker_v1_OAuthStatusRequest__Output } from '../../broker/v1/OAuthStatusRequest.ts';

export interface OAuthClient extends grpc.Client {
  Begin(argument: _broker_v1_BeginOAuthRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  Begin(argument: _broker_v1_BeginOAuthRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  Begin(argument: _broker_v1_BeginOAuthRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  Begin(argument: _broker_v1_BeginOAuthRequest, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  begin(argument: _broker_v1_BeginOAuthRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  begin(argument: _broker_v1_BeginOAuthRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  begin(argument: _broker_v1_BeginOAuthRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  begin(argument: _broker_v1_BeginOAuthRequest, callback: grpc.requestCallback<_broker_v1_BeginOAuthResponse__Output>): grpc.ClientUnaryCall;
  
  Status(argument: _broker_v1_OAuthStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_OAuthStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_OAuthStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  Status(argument: _broker_v1_OAuthStatusRequest, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_OAuthStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_OAuthStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_OAuthStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  status(argument: _broker_v1_OAuthStatusRequest, callback: grpc.requestCallback<_broker_v1_OAuthStatus__Output>): grpc.ClientUnaryCall;
  
}

export interface OAuthHandlers extends grpc.UntypedServiceImplementation {
  Begin: grpc.handleUnaryCall<_broker_v1_BeginOAuthRequest__Output, _broker_v1_BeginOAuthResponse>;
  
  Status: grpc.handleUnaryCall<_broker_v1_OAuthStatusRequest__Output, _broker_v1_OAuthStatus>;
  
}

export interface OAuthDefinition extends grpc.ServiceDefinition {
  Begin: MethodDefinition<_broker_v1_BeginOAuthRequest, _broker_v1_BeginOAuthResponse, _broker_v1_BeginOAuthRequest__Output, _broker_v1_BeginOAuthResponse__Output>
  Status: MethodDefinition<_broker_v1_OAuthStatusRequest, _broker_v1_OAuthStatus, _broker_v1_OAuthStatusRequest__Output, _broker_v1_OAuthStatus__Output>
}
