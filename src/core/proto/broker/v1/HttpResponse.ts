// Original file: proto/broker/v1/http.proto

import type { HttpResponseHead as _broker_v1_HttpResponseHead, HttpResponseHead__Output as _broker_v1_HttpResponseHead__Output } from '../../broker/v1/HttpResponseHead.ts';
import type { HttpTrailers as _broker_v1_HttpTrailers, HttpTrailers__Output as _broker_v1_HttpTrailers__Output } from '../../broker/v1/HttpTrailers.ts';

export interface HttpResponse {
  'head'?: (_broker_v1_HttpResponseHead | null);
  'data'?: (Buffer | Uint8Array | string);
  'trailers'?: (_broker_v1_HttpTrailers | null);
  'message'?: "head"|"data"|"trailers";
}

export interface HttpResponse__Output {
  'head'?: (_broker_v1_HttpResponseHead__Output | null);
  'data'?: (Buffer);
  'trailers'?: (_broker_v1_HttpTrailers__Output | null);
  'message'?: "head"|"data"|"trailers";
}
