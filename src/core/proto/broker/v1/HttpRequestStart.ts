// Original file: proto/broker/v1/http.proto

import type { HttpHeader as _broker_v1_HttpHeader, HttpHeader__Output as _broker_v1_HttpHeader__Output } from '../../broker/v1/HttpHeader.ts';

export interface HttpRequestStart {
  'service'?: (string);
  'method'?: (string);
  'path'?: (string);
  'headers'?: (_broker_v1_HttpHeader)[];
  'hasBody'?: (boolean);
}

export interface HttpRequestStart__Output {
  'service': (string);
  'method': (string);
  'path': (string);
  'headers': (_broker_v1_HttpHeader__Output)[];
  'hasBody': (boolean);
}
