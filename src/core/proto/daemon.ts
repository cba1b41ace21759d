import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { DaemonClient as _broker_v1_DaemonClient, DaemonDefinition as _broker_v1_DaemonDefinition } from './broker/v1/Daemon.ts';
import type { ShutdownRequest as _broker_v1_ShutdownRequest, ShutdownRequest__Output as _broker_v1_ShutdownRequest__Output } from './broker/v1/ShutdownRequest.ts';
import type { ShutdownResponse as _broker_v1_ShutdownResponse, ShutdownResponse__Output as _broker_v1_ShutdownResponse__Output } from './broker/v1/ShutdownResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      Daemon: SubtypeConstructor<typeof grpc.Client, _broker_v1_DaemonClient> & { service: _broker_v1_DaemonDefinition }
      ShutdownRequest: MessageTypeDefinition<_broker_v1_ShutdownRequest, _broker_v1_ShutdownRequest__Output>
      ShutdownResponse: MessageTypeDefinition<_broker_v1_ShutdownResponse, _broker_v1_ShutdownResponse__Output>
    }
  }
}

