// Original file: proto/broker/v1/http.proto

import type { HttpRequestStart as _broker_v1_HttpRequestStart, HttpRequestStart__Output as _broker_v1_HttpRequestStart__Output } from '../../broker/v1/HttpRequestStart.ts';

export interface HttpRequest {
  'start'?: (_broker_v1_HttpRequestStart | null);
  'data'?: (Buffer | Uint8Array | string);
  'message'?: "start"|"data";
}

export interface HttpRequest__Output {
  'start'?: (_broker_v1_HttpRequestStart__Output | null);
  'data'?: (Buffer);
  'message'?: "start"|"data";
}
