// Original file: proto/broker/v1/kinds.proto

import type { Field as _broker_v1_Field, Field__Output as _broker_v1_Field__Output } from '../../broker/v1/Field.ts';

// Original file: proto/broker/v1/kinds.proto

export const _broker_v1_Kind_Use = {
  USE_UNSPECIFIED: 'USE_UNSPECIFIED',
  USE_SESSION: 'USE_SESSION',
  USE_HTTP: 'USE_HTTP',
} as const;

export type _broker_v1_Kind_Use =
  | 'USE_UNSPECIFIED'
  | 0
  | 'USE_SESSION'
  | 1
  | 'USE_HTTP'
  | 2

export type _broker_v1_Kind_Use__Output = typeof _broker_v1_Kind_Use[keyof typeof _broker_v1_Kind_Use]

export interface Kind {
  'name'?: (string);
  'title'?: (string);
  'fields'?: (_broker_v1_Field)[];
  'use'?: (_broker_v1_Kind_Use);
}

export interface Kind__Output {
  'name': (string);
  'title': (string);
  'fields': (_broker_v1_Field__Output)[];
  'use': (_broker_v1_Kind_Use__Output);
}
