// Original file: proto/broker/v1/tokens.proto

import type { Long } from '@grpc/proto-loader';

export interface RequestLimits {
  'methods'?: (string)[];
  'paths'?: (string)[];
  'maxBody'?: (number | string | Long);
  'rate'?: (number);
  'concurrency'?: (number);
}

export interface RequestLimits__Output {
  'methods': (string)[];
  'paths': (string)[];
  'maxBody': (string);
  'rate': (number);
  'concurrency': (number);
}
