// Original file: proto/broker/v1/tokens.proto

import type { RequestLimits as _broker_v1_RequestLimits, RequestLimits__Output as _broker_v1_RequestLimits__Output } from '../../broker/v1/RequestLimits.ts';

export interface TokenGrant {
  'services'?: (string);
  'actions'?: (string)[];
  'limits'?: (_broker_v1_RequestLimits | null);
}

export interface TokenGrant__Output {
  'services': (string);
  'actions': (string)[];
  'limits': (_broker_v1_RequestLimits__Output | null);
}
