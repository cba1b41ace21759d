import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { CreateTokenRequest as _broker_v1_CreateTokenRequest, CreateTokenRequest__Output as _broker_v1_CreateTokenRequest__Output } from './broker/v1/CreateTokenRequest.ts';
import type { CreateTokenResponse as _broker_v1_CreateTokenResponse, CreateTokenResponse__Output as _broker_v1_CreateTokenResponse__Output } from './broker/v1/CreateTokenResponse.ts';
import type { ListTokensRequest as _broker_v1_ListTokensRequest, ListTokensRequest__Output as _broker_v1_ListTokensRequest__Output } from './broker/v1/ListTokensRequest.ts';
import type { ListTokensResponse as _broker_v1_ListTokensResponse, ListTokensResponse__Output as _broker_v1_ListTokensResponse__Output } from './broker/v1/ListTokensResponse.ts';
import type { RequestLimits as _broker_v1_RequestLimits, RequestLimits__Output as _broker_v1_RequestLimits__Output } from './broker/v1/RequestLimits.ts';
import type { RevokeTokenRequest as _broker_v1_RevokeTokenRequest, RevokeTokenRequest__Output as _broker_v1_RevokeTokenRequest__Output } from './broker/v1/RevokeTokenRequest.ts';
import type { Token as _broker_v1_Token, Token__Output as _broker_v1_Token__Output } from './broker/v1/Token.ts';
import type { TokenGrant as _broker_v1_TokenGrant, TokenGrant__Output as _broker_v1_TokenGrant__Output } from './broker/v1/TokenGrant.ts';
import type { TokensClient as _broker_v1_TokensClient, TokensDefinition as _broker_v1_TokensDefinition } from './broker/v1/Tokens.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';

type SubtypeConstructor<Constructor extends new (...args: never[]) => unknown, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  broker: {
    v1: {
      CreateTokenRequest: MessageTypeDefinition<_broker_v1_CreateTokenRequest, _broker_v1_CreateTokenRequest__Output>
      CreateTokenResponse: MessageTypeDefinition<_broker_v1_CreateTokenResponse, _broker_v1_CreateTokenResponse__Output>
      ListTokensRequest: MessageTypeDefinition<_broker_v1_ListTokensRequest, _broker_v1_ListTokensRequest__Output>
      ListTokensResponse: MessageTypeDefinition<_broker_v1_ListTokensResponse, _broker_v1_ListTokensResponse__Output>
      RequestLimits: MessageTypeDefinition<_broker_v1_RequestLimits, _broker_v1_RequestLimits__Output>
      RevokeTokenRequest: MessageTypeDefinition<_broker_v1_RevokeTokenRequest, _broker_v1_RevokeTokenRequest__Output>
      Token: MessageTypeDefinition<_broker_v1_Token, _broker_v1_Token__Output>
      TokenGrant: MessageTypeDefinition<_broker_v1_TokenGrant, _broker_v1_TokenGrant__Output>
      Tokens: SubtypeConstructor<typeof grpc.Client, _broker_v1_TokensClient> & { service: _broker_v1_TokensDefinition }
    }
  }
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
}

