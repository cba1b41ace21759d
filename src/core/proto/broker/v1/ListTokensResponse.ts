// Original file: proto/broker/v1/tokens.proto

import type { Token as _broker_v1_Token, Token__Output as _broker_v1_Token__Output } from '../../broker/v1/Token.ts';

export interface ListTokensResponse {
  'tokens'?: (_broker_v1_Token)[];
}

export interface ListTokensResponse__Output {
  'tokens': (_broker_v1_Token__Output)[];
}
