import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { BeginOAuthRequest as _broker_v1_BeginOAuthRequest, BeginOAuthRequest__Output as _broker_v1_BeginOAuthRequest__Output } from './broker/v1/BeginOAuthRequest.ts';
import type { BeginOAuthResponse as _broker_v1_BeginOAuthResponse, BeginOAuthResponse__Output as _broker_v1_BeginOAuthResponse__Output } from './broker/v1/BeginOAuthResponse.ts';
import type { OAuthClient as _broker_v1_OAuthClient, OAuthDefinition as _broker_v1_OAuthDefinition } from './broker/v1/OAuth.ts';
import type { OAuthStatus as _broker_v1_OAuthStatus, OAuthStatus__Output as _broker_v1_OAuthStatus__Output } from './broker/v1/OAuthStatus.ts';
import type { OAuthStatusRequest as _broker_v1_OAuthStatusRequest, OAuthStatusRequest__Output as _broker_v1_OAuthStatusRequest__Output } from './broker/v1/OAuthStatusRequest.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      BeginOAuthRequest: MessageTypeDefinition<_broker_v1_BeginOAuthRequest, _broker_v1_BeginOAuthRequest__Output>
      BeginOAuthResponse: MessageTypeDefinition<_broker_v1_BeginOAuthResponse, _broker_v1_BeginOAuthResponse__Output>
      OAuth: SubtypeConstructor<typeof grpc.Client, _broker_v1_OAuthClient> & { service: _broker_v1_OAuthDefinition }
      OAuthStatus: MessageTypeDefinition<_broker_v1_OAuthStatus, _broker_v1_OAuthStatus__Output>
      OAuthStatusRequest: MessageTypeDefinition<_broker_v1_OAuthStatusRequest, _broker_v1_OAuthStatusRequest__Output>
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

