import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ListPresetsRequest as _broker_v1_ListPresetsRequest, ListPresetsRequest__Output as _broker_v1_ListPresetsRequest__Output } from './broker/v1/ListPresetsRequest.ts';
import type { ListPresetsResponse as _broker_v1_ListPresetsResponse, ListPresetsResponse__Output as _broker_v1_ListPresetsResponse__Output } from './broker/v1/ListPresetsResponse.ts';
import type { Preset as _broker_v1_Preset, Preset__Output as _broker_v1_Preset__Output } from './broker/v1/Preset.ts';
import type { PresetsClient as _broker_v1_PresetsClient, PresetsDefinition as _broker_v1_PresetsDefinition } from './broker/v1/Presets.ts';
import type { ListValue as _google_protobuf_ListValue, ListValue__Output as _google_protobuf_ListValue__Output } from './google/protobuf/ListValue.ts';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from './google/protobuf/Struct.ts';
import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from './google/protobuf/Value.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      ListPresetsRequest: MessageTypeDefinition<_broker_v1_ListPresetsRequest, _broker_v1_ListPresetsRequest__Output>
      ListPresetsResponse: MessageTypeDefinition<_broker_v1_ListPresetsResponse, _broker_v1_ListPresetsResponse__Output>
      Preset: MessageTypeDefinition<_broker_v1_Preset, _broker_v1_Preset__Output>
      Presets: SubtypeConstructor<typeof grpc.Client, _broker_v1_PresetsClient> & { service: _broker_v1_PresetsDefinition }
    }
  }
  google: {
    protobuf: {
      ListValue: MessageTypeDefinition<_google_protobuf_ListValue, _google_protobuf_ListValue__Output>
      NullValue: EnumTypeDefinition
      Struct: MessageTypeDefinition<_google_protobuf_Struct, _google_protobuf_Struct__Output>
      Value: MessageTypeDefinition<_google_protobuf_Value, _google_protobuf_Value__Output>
    }
  }
}

