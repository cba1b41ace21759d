// Original file: proto/broker/v1/files.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DeleteFileRequest as _broker_v1_DeleteFileRequest, DeleteFileRequest__Output as _broker_v1_DeleteFileRequest__Output } from '../../broker/v1/DeleteFileRequest.ts';
import type { DeleteFileResponse as _broker_v1_DeleteFileResponse, DeleteFileResponse__Output as _broker_v1_DeleteFileResponse__Output } from '../../broker/v1/DeleteFileResponse.ts';
import type { File as _broker_v1_File, File__Output as _broker_v1_File__Output } from '../../broker/v1/File.ts';
import type { FileChunk as _broker_v1_FileChunk, FileChunk__Output as _broker_v1_FileChunk__Output } from '../../broker/v1/FileChunk.ts';
import type { GetFileRequest as _broker_v1_GetFileRequest, GetFileRequest__Output as _broker_v1_GetFileRequest__Output } from '../../broker/v1/GetFileRequest.ts';
import type { ListFilesRequest as _broker_v1_ListFilesRequest, ListFilesRequest__Output as _broker_v1_ListFilesRequest__Output } from '../../broker/v1/ListFilesRequest.ts';
import type { ListFilesResponse as _broker_v1_ListFilesResponse, ListFilesResponse__Output as _broker_v1_ListFilesResponse__Output } from '../../broker/v1/ListFilesResponse.ts';
import type { PutFileRequest as _broker_v1_PutFileRequest, PutFileRequest__Output as _broker_v1_PutFileRequest__Output } from '../../broker/v1/PutFileRequest.ts';

export interface FilesClient extends grpc.Client {
  Delete(argument: _broker_v1_DeleteFileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteFileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteFileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  Delete(argument: _broker_v1_DeleteFileRequest, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteFileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteFileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteFileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  delete(argument: _broker_v1_DeleteFileRequest, callback: grpc.requestCallback<_broker_v1_DeleteFileResponse__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _broker_v1_GetFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_FileChunk__Output>;
  Get(argument: _broker_v1_GetFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_FileChunk__Output>;
  get(argument: _broker_v1_GetFileRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_FileChunk__Output>;
  get(argument: _broker_v1_GetFileRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_broker_v1_FileChunk__Output>;
  
  List(argument: _broker_v1_ListFilesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListFilesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListFilesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _broker_v1_ListFilesRequest, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListFilesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListFilesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListFilesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _broker_v1_ListFilesRequest, callback: grpc.requestCallback<_broker_v1_ListFilesResponse__Output>): grpc.ClientUnaryCall;
  
  Put(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  Put(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  Put(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  Put(callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  put(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  put(metadata: grpc.Metadata, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  put(options: grpc.CallOptions, callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  put(callback: grpc.requestCallback<_broker_v1_File__Output>): grpc.ClientWritableStream<_broker_v1_PutFileRequest>;
  
}

export interface FilesHandlers extends grpc.UntypedServiceImplementation {
  Delete: grpc.handleUnaryCall<_broker_v1_DeleteFileRequest__Output, _broker_v1_DeleteFileResponse>;
  
  Get: grpc.handleServerStreamingCall<_broker_v1_GetFileRequest__Output, _broker_v1_FileChunk>;
  
  List: grpc.handleUnaryCall<_broker_v1_ListFilesRequest__Output, _broker_v1_ListFilesResponse>;
  
  Put: grpc.handleClientStreamingCall<_broker_v1_PutFileRequest__Output, _broker_v1_File>;
  
}

export interface FilesDefinition extends grpc.ServiceDefinition {
  Delete: MethodDefinition<_broker_v1_DeleteFileRequest, _broker_v1_DeleteFileResponse, _broker_v1_DeleteFileRequest__Output, _broker_v1_DeleteFileResponse__Output>
  Get: MethodDefinition<_broker_v1_GetFileRequest, _broker_v1_FileChunk, _broker_v1_GetFileRequest__Output, _broker_v1_FileChunk__Output>
  List: MethodDefinition<_broker_v1_ListFilesRequest, _broker_v1_ListFilesResponse, _broker_v1_ListFilesRequest__Output, _broker_v1_ListFilesResponse__Output>
  Put: MethodDefinition<_broker_v1_PutFileRequest, _broker_v1_File, _broker_v1_PutFileRequest__Output, _broker_v1_File__Output>
}
