// Original file: proto/broker/v1/kinds.proto

import type { Kind as _broker_v1_Kind, Kind__Output as _broker_v1_Kind__Output } from '../../broker/v1/Kind.ts';

export interface ListKindsResponse {
  'kinds'?: (_broker_v1_Kind)[];
}

export interface ListKindsResponse__Output {
  'kinds': (_broker_v1_Kind__Output)[];
}
