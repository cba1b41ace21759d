// Original file: proto/broker/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface VerifyAuditResponse {
  'ok'?: (boolean);
  'records'?: (number | string | Long);
  'unsealed'?: (number | string | Long);
  'problem'?: (string);
}

export interface VerifyAuditResponse__Output {
  'ok': (boolean);
  'records': (string);
  'unsealed': (string);
  'problem': (string);
}
