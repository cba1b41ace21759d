import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DeleteFileRequest as _broker_v1_DeleteFileRequest, DeleteFileRequest__Output as _broker_v1_DeleteFileRequest__Output } from './broker/v1/DeleteFileRequest.ts';
import type { DeleteFileResponse as _broker_v1_DeleteFileResponse, DeleteFileResponse__Output as _broker_v1_DeleteFileResponse__Output } from './broker/v1/DeleteFileResponse.ts';
import type { File as _broker_v1_File, File__Output as _broker_v1_File__Output } from './broker/v1/File.ts';
import type { FileChunk as _broker_v1_FileChunk, FileChunk__Output as _broker_v1_FileChunk__Output } from './broker/v1/FileChunk.ts';
import type { FilesClient as _broker_v1_FilesClient, FilesDefinition as _broker_v1_FilesDefinition } from './broker/v1/Files.ts';
import type { GetFileRequest as _broker_v1_GetFileRequest, GetFileRequest__Output as _broker_v1_GetFileRequest__Output } from './broker/v1/GetFileRequest.ts';
import type { ListFilesRequest as _broker_v1_ListFilesRequest, ListFilesRequest__Output as _broker_v1_ListFilesRequest__Output } from './broker/v1/ListFilesRequest.ts';
import type { ListFilesResponse as _broker_v1_ListFilesResponse, ListFilesResponse__Output as _broker_v1_ListFilesResponse__Output } from './broker/v1/ListFilesResponse.ts';
import type { PutFileRequest as _broker_v1_PutFileRequest, PutFileRequest__Output as _broker_v1_PutFileRequest__Output } from './broker/v1/PutFileRequest.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      DeleteFileRequest: MessageTypeDefinition<_broker_v1_DeleteFileRequest, _broker_v1_DeleteFileRequest__Output>
      DeleteFileResponse: MessageTypeDefinition<_broker_v1_DeleteFileResponse, _broker_v1_DeleteFileResponse__Output>
      File: MessageTypeDefinition<_broker_v1_File, _broker_v1_File__Output>
      FileChunk: MessageTypeDefinition<_broker_v1_FileChunk, _broker_v1_FileChunk__Output>
      Files: SubtypeConstructor<typeof grpc.Client, _broker_v1_FilesClient> & { service: _broker_v1_FilesDefinition }
      GetFileRequest: MessageTypeDefinition<_broker_v1_GetFileRequest, _broker_v1_GetFileRequest__Output>
      ListFilesRequest: MessageTypeDefinition<_broker_v1_ListFilesRequest, _broker_v1_ListFilesRequest__Output>
      ListFilesResponse: MessageTypeDefinition<_broker_v1_ListFilesResponse, _broker_v1_ListFilesResponse__Output>
      PutFileRequest: MessageTypeDefinition<_broker_v1_PutFileRequest, _broker_v1_PutFileRequest__Output>
    }
  }
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

