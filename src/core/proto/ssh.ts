import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DownloadRequest as _broker_v1_DownloadRequest, DownloadRequest__Output as _broker_v1_DownloadRequest__Output } from './broker/v1/DownloadRequest.ts';
import type { DownloadResponse as _broker_v1_DownloadResponse, DownloadResponse__Output as _broker_v1_DownloadResponse__Output } from './broker/v1/DownloadResponse.ts';
import type { ExecExit as _broker_v1_ExecExit, ExecExit__Output as _broker_v1_ExecExit__Output } from './broker/v1/ExecExit.ts';
import type { ExecRequest as _broker_v1_ExecRequest, ExecRequest__Output as _broker_v1_ExecRequest__Output } from './broker/v1/ExecRequest.ts';
import type { ExecResponse as _broker_v1_ExecResponse, ExecResponse__Output as _broker_v1_ExecResponse__Output } from './broker/v1/ExecResponse.ts';
import type { ExecStart as _broker_v1_ExecStart, ExecStart__Output as _broker_v1_ExecStart__Output } from './broker/v1/ExecStart.ts';
import type { HostsRequest as _broker_v1_HostsRequest, HostsRequest__Output as _broker_v1_HostsRequest__Output } from './broker/v1/HostsRequest.ts';
import type { HostsResponse as _broker_v1_HostsResponse, HostsResponse__Output as _broker_v1_HostsResponse__Output } from './broker/v1/HostsResponse.ts';
import type { RemoteFile as _broker_v1_RemoteFile, RemoteFile__Output as _broker_v1_RemoteFile__Output } from './broker/v1/RemoteFile.ts';
import type { SshClient as _broker_v1_SshClient, SshDefinition as _broker_v1_SshDefinition } from './broker/v1/Ssh.ts';
import type { TerminalSize as _broker_v1_TerminalSize, TerminalSize__Output as _broker_v1_TerminalSize__Output } from './broker/v1/TerminalSize.ts';
import type { UploadRequest as _broker_v1_UploadRequest, UploadRequest__Output as _broker_v1_UploadRequest__Output } from './broker/v1/UploadRequest.ts';
import type { UploadResponse as _broker_v1_UploadResponse, UploadResponse__Output as _broker_v1_UploadResponse__Output } from './broker/v1/UploadResponse.ts';
import type { UploadStart as _broker_v1_UploadStart, UploadStart__Output as _broker_v1_UploadStart__Output } from './broker/v1/UploadStart.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      DownloadRequest: MessageTypeDefinition<_broker_v1_DownloadRequest, _broker_v1_DownloadRequest__Output>
      DownloadResponse: MessageTypeDefinition<_broker_v1_DownloadResponse, _broker_v1_DownloadResponse__Output>
      ExecExit: MessageTypeDefinition<_broker_v1_ExecExit, _broker_v1_ExecExit__Output>
      ExecRequest: MessageTypeDefinition<_broker_v1_ExecRequest, _broker_v1_ExecRequest__Output>
      ExecResponse: MessageTypeDefinition<_broker_v1_ExecResponse, _broker_v1_ExecResponse__Output>
      ExecStart: MessageTypeDefinition<_broker_v1_ExecStart, _broker_v1_ExecStart__Output>
      HostsRequest: MessageTypeDefinition<_broker_v1_HostsRequest, _broker_v1_HostsRequest__Output>
      HostsResponse: MessageTypeDefinition<_broker_v1_HostsResponse, _broker_v1_HostsResponse__Output>
      RemoteFile: MessageTypeDefinition<_broker_v1_RemoteFile, _broker_v1_RemoteFile__Output>
      Ssh: SubtypeConstructor<typeof grpc.Client, _broker_v1_SshClient> & { service: _broker_v1_SshDefinition }
      TerminalSize: MessageTypeDefinition<_broker_v1_TerminalSize, _broker_v1_TerminalSize__Output>
      UploadRequest: MessageTypeDefinition<_broker_v1_UploadRequest, _broker_v1_UploadRequest__Output>
      UploadResponse: MessageTypeDefinition<_broker_v1_UploadResponse, _broker_v1_UploadResponse__Output>
      UploadStart: MessageTypeDefinition<_broker_v1_UploadStart, _broker_v1_UploadStart__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
    }
  }
}

