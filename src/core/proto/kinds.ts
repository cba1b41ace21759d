import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Field as _broker_v1_Field, Field__Output as _broker_v1_Field__Output } from './broker/v1/Field.ts';
import type { Kind as _broker_v1_Kind, Kind__Output as _broker_v1_Kind__Output } from './broker/v1/Kind.ts';
import type { KindsClient as _broker_v1_KindsClient, KindsDefinition as _broker_v1_KindsDefinition } from './broker/v1/Kinds.ts';
import type { ListKindsRequest as _broker_v1_ListKindsRequest, ListKindsRequest__Output as _broker_v1_ListKindsRequest__Output } from './broker/v1/ListKindsRequest.ts';
import type { ListKindsResponse as _broker_v1_ListKindsResponse, ListKindsResponse__Output as _broker_v1_ListKindsResponse__Output } from './broker/v1/ListKindsResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      Field: MessageTypeDefinition<_broker_v1_Field, _broker_v1_Field__Output>
      Kind: MessageTypeDefinition<_broker_v1_Kind, _broker_v1_Kind__Output>
      Kinds: SubtypeConstructor<typeof grpc.Client, _broker_v1_KindsClient> & { service: _broker_v1_KindsDefinition }
      ListKindsRequest: MessageTypeDefinition<_broker_v1_ListKindsRequest, _broker_v1_ListKindsRequest__Output>
      ListKindsResponse: MessageTypeDefinition<_broker_v1_ListKindsResponse, _broker_v1_ListKindsResponse__Output>
    }
  }
}

