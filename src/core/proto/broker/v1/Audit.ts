// Original file: proto/broker/v1/audit.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AuditRecord as _broker_v1_AuditRecord, AuditRecord__Output as _broker_v1_AuditRecord__Output } from '../../broker/v1/AuditRecord.ts';
import type { QueryAuditRequest as _broker_v1_QueryAuditRequest, QueryAuditRequest__Output as _broker_v1_QueryAuditRequest__Output } from '../../broker/v1/QueryAuditRequest.ts';
import type { VerifyAuditRequest as _broker_v1_VerifyAuditRequest, VerifyAuditRequest__Output as _broker_v1_VerifyAuditRequest__Output } from '../../broker/v1/VerifyAuditRequest.ts';
import type { VerifyAuditResponse as _broker_v1_VerifyAuditResponse, VerifyAuditResponse__Output as _broker_v1_VerifyAuditResponse__Output } from '../../broker/v1/VerifyAuditResponse.ts';

export interface AuditClient extends grpc.Client {
  Query(argument: _broker_v1_QueryAuditRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_AuditRecord__Output>;
  Query(argument: _broker_v1_QueryAuditRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_AuditRecord__Output>;
  query(argument: _broker_v1_QueryAuditRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_AuditRecord__Output>;
  query(argument: _broker_v1_QueryAuditRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_AuditRecord__Output>;
  
  Verify(argument: _broker_v1_VerifyAuditRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  Verify(argument: _broker_v1_VerifyAuditRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  Verify(argument: _broker_v1_VerifyAuditRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  Verify(argument: _broker_v1_VerifyAuditRequest, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  verify(argument: _broker_v1_VerifyAuditRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  verify(argument: _broker_v1_VerifyAuditRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  verify(argument: _broker_v1_VerifyAuditRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  verify(argument: _broker_v1_VerifyAuditRequest, callback: grpc.requestCallback<_broker_v1_VerifyAuditResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AuditHandlers extends grpc.UntypedServiceImplementation {
  Query: grpc.handleServerStreamingCall<_broker_v1_QueryAuditRequest__Output, _broker_v1_AuditRecord>;
  
  Verify: grpc.handleUnaryCall<_broker_v1_VerifyAuditRequest__Output, _broker_v1_VerifyAuditResponse>;
  
}

export interface AuditDefinition extends grpc.ServiceDefinition {
  Query: MethodDefinition<_broker_v1_QueryAuditRequest, _broker_v1_AuditRecord, _broker_v1_QueryAuditRequest__Output, _broker_v1_AuditRecord__Output>
  Verify: MethodDefinition<_broker_v1_VerifyAuditRequest, _broker_v1_VerifyAuditResponse, _broker_v1_VerifyAuditRequest__Output, _broker_v1_VerifyAuditResponse__Output>
}
