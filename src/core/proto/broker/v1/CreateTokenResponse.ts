// Original file: proto/broker/v1/tokens.proto

import type { Token as _broker_v1_Token, Token__Output as _broker_v1_Token__Output } from '../../broker/v1/Token.ts';

export interface CreateTokenResponse {
  'token'?: (_broker_v1_Token | null);
  'text'?: (string);
}

export interface CreateTokenResponse__Output {
  'token': (_broker_v1_Token__Output | null);
  'text': (string);
}
