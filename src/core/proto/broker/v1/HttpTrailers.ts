// Original file: proto/broker/v1/http.proto

import type { HttpHeader as _broker_v1_HttpHeader, HttpHeader__Output as _broker_v1_HttpHeader__Output } from '../../broker/v1/HttpHeader.ts';

export interface HttpTrailers {
  'headers'?: (_broker_v1_HttpHeader)[];
}

export interface HttpTrailers__Output {
  'headers': (_broker_v1_HttpHeader__Output)[];
}
