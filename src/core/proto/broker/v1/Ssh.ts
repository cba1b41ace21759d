// Original file: proto/broker/v1/ssh.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DownloadRequest as _broker_v1_DownloadRequest, DownloadRequest__Output as _broker_v1_DownloadRequest__Output } from '../../broker/v1/DownloadRequest.ts';
import type { DownloadResponse as _broker_v1_DownloadResponse, DownloadResponse__Output as _broker_v1_DownloadResponse__Output } from '../../broker/v1/DownloadResponse.ts';
import type { ExecRequest as _broker_v1_ExecRequest, ExecRequest__Output as _broker_v1_ExecRequest__Output } from '../../broker/v1/ExecRequest.ts';
import type { ExecResponse as _broker_v1_ExecResponse, ExecResponse__Output as _broker_v1_ExecResponse__Output } from '../../broker/v1/ExecResponse.ts';
import type { HostsRequest as _broker_v1_HostsRequest, HostsRequest__Output as _broker_v1_HostsRequest__Output } from '../../broker/v1/HostsRequest.ts';
import type { HostsResponse as _broker_v1_HostsResponse, HostsResponse__Output as _broker_v1_HostsResponse__Output } from '../../broker/v1/HostsResponse.ts';
import type { UploadRequest as _broker_v1_UploadRequest, UploadRequest__Output as _broker_v1_UploadRequest__Output } from '../../broker/v1/UploadRequest.ts';
import type { UploadResponse as _broker_v1_UploadResponse, UploadResponse__Output as _broker_v1_UploadResponse__Output } from '../../broker/v1/UploadResponse.ts';

export interface SshClient extends grpc.Client {
  Download(argument: _broker_v1_DownloadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_DownloadResponse__Output>;
  Download(argument: _broker_v1_DownloadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_DownloadResponse__Output>;
  download(argument: _broker_v1_DownloadRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_DownloadResponse__Output>;
  download(argument: _broker_v1_DownloadRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_DownloadResponse__Output>;
  
  Exec(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  Exec(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  exec(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  exec(options?: grpc.CallOptions): grpc.ClientDuplexStream<_broker_v1_ExecRequest, _broker_v1_ExecResponse__Output>;
  
  Hosts(argument: _broker_v1_HostsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  Hosts(argument: _broker_v1_HostsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  Hosts(argument: _broker_v1_HostsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  Hosts(argument: _broker_v1_HostsRequest, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  hosts(argument: _broker_v1_HostsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  hosts(argument: _broker_v1_HostsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  hosts(argument: _broker_v1_HostsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  hosts(argument: _broker_v1_HostsRequest, callback: grpc.requestCallback<_broker_v1_HostsResponse__Output>): grpc.ClientUnaryCall;
  
  Upload(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  Upload(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  Upload(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  Upload(callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  upload(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  upload(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  upload(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  upload(callback: grpc.requestCallback<_broker_v1_UploadResponse__Output>): grpc.ClientWritableStream<_broker_v1_UploadRequest>;
  
}

export interface SshHandlers extends grpc.UntypedServiceImplementation {
  Download: grpc.handleServerStreamingCall<_broker_v1_DownloadRequest__Output, _broker_v1_DownloadResponse>;
  
  Exec: grpc.handleBidiStreamingCall<_broker_v1_ExecRequest__Output, _broker_v1_ExecResponse>;
  
  Hosts: grpc.handleUnaryCall<_broker_v1_HostsRequest__Output, _broker_v1_HostsResponse>;
  
  Upload: grpc.handleClientStreamingCall<_broker_v1_UploadRequest__Output, _broker_v1_UploadResponse>;
  
}

export interface SshDefinition extends grpc.ServiceDefinition {
  Download: MethodDefinition<_broker_v1_DownloadRequest, _broker_v1_DownloadResponse, _broker_v1_DownloadRequest__Output, _broker_v1_DownloadResponse__Output>
  Exec: MethodDefinition<_broker_v1_ExecRequest, _broker_v1_ExecResponse, _broker_v1_ExecRequest__Output, _broker_v1_ExecResponse__Output>
  Hosts: MethodDefinition<_broker_v1_HostsRequest, _broker_v1_HostsResponse, _broker_v1_HostsRequest__Output, _broker_v1_HostsResponse__Output>
  Upload: MethodDefinition<_broker_v1_UploadRequest, _broker_v1_UploadResponse, _broker_v1_UploadRequest__Output, _broker_v1_UploadResponse__Output>
}
