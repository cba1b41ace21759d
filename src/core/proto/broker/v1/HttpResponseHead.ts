// Original file: proto/broker/v1/http.proto

import type { HttpHeader as _broker_v1_HttpHeader, HttpHeader__Output as _broker_v1_HttpHeader__Output } from '../../broker/v1/HttpHeader.ts';

export interface HttpResponseHead {
  'status'?: (number);
  'reason'?: (string);
  'headers'?: (_broker_v1_HttpHeader)[];
}

export interface HttpResponseHead__Output {
  'status': (number);
  'reason': (string);
  'headers': (_broker_v1_HttpHeader__Output)[];
}
