import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { CloseSessionRequest as _broker_v1_CloseSessionRequest, CloseSessionRequest__Output as _broker_v1_CloseSessionRequest__Output } from './broker/v1/CloseSessionRequest.ts';
import type { ConnectRequest as _broker_v1_ConnectRequest, ConnectRequest__Output as _broker_v1_ConnectRequest__Output } from './broker/v1/ConnectRequest.ts';
import type { ConnectResponse as _broker_v1_ConnectResponse, ConnectResponse__Output as _broker_v1_ConnectResponse__Output } from './broker/v1/ConnectResponse.ts';
import type { ConnectStart as _broker_v1_ConnectStart, ConnectStart__Output as _broker_v1_ConnectStart__Output } from './broker/v1/ConnectStart.ts';
import type { Hint as _broker_v1_Hint, Hint__Output as _broker_v1_Hint__Output } from './broker/v1/Hint.ts';
import type { ListSessionsRequest as _broker_v1_ListSessionsRequest, ListSessionsRequest__Output as _broker_v1_ListSessionsRequest__Output } from './broker/v1/ListSessionsRequest.ts';
import type { ListSessionsResponse as _broker_v1_ListSessionsResponse, ListSessionsResponse__Output as _broker_v1_ListSessionsResponse__Output } from './broker/v1/ListSessionsResponse.ts';
import type { OpenSessionRequest as _broker_v1_OpenSessionRequest, OpenSessionRequest__Output as _broker_v1_OpenSessionRequest__Output } from './broker/v1/OpenSessionRequest.ts';
import type { Session as _broker_v1_Session, Session__Output as _broker_v1_Session__Output } from './broker/v1/Session.ts';
import type { SessionsClient as _broker_v1_SessionsClient, SessionsDefinition as _broker_v1_SessionsDefinition } from './broker/v1/Sessions.ts';
import type { WatchSessionsRequest as _broker_v1_WatchSessionsRequest, WatchSessionsRequest__Output as _broker_v1_WatchSessionsRequest__Output } from './broker/v1/WatchSessionsRequest.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      ClientCheck: EnumTypeDefinition
      CloseSessionRequest: MessageTypeDefinition<_broker_v1_CloseSessionRequest, _broker_v1_CloseSessionRequest__Output>
      ConnectRequest: MessageTypeDefinition<_broker_v1_ConnectRequest, _broker_v1_ConnectRequest__Output>
      ConnectResponse: MessageTypeDefinition<_broker_v1_ConnectResponse, _broker_v1_ConnectResponse__Output>
      ConnectStart: MessageTypeDefinition<_broker_v1_ConnectStart, _broker_v1_ConnectStart__Output>
      Hint: MessageTypeDefinition<_broker_v1_Hint, _broker_v1_Hint__Output>
      ListSessionsRequest: MessageTypeDefinition<_broker_v1_ListSessionsRequest, _broker_v1_ListSessionsRequest__Output>
      ListSessionsResponse: MessageTypeDefinition<_broker_v1_ListSessionsResponse, _broker_v1_ListSessionsResponse__Output>
      Listen: EnumTypeDefinition
      OpenSessionRequest: MessageTypeDefinition<_broker_v1_OpenSessionRequest, _broker_v1_OpenSessionRequest__Output>
      Session: MessageTypeDefinition<_broker_v1_Session, _broker_v1_Session__Output>
      Sessions: SubtypeConstructor<typeof grpc.Client, _broker_v1_SessionsClient> & { service: _broker_v1_SessionsDefinition }
      WatchSessionsRequest: MessageTypeDefinition<_broker_v1_WatchSessionsRequest, _broker_v1_WatchSessionsRequest__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

