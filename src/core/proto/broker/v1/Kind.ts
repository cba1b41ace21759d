// Original file: proto/broker/v1/kinds.proto

import type { Field as _broker_v1_Field, Field__Output as _broker_v1_Field__Output } from '../../broker/v1/Field.ts';

export interface Kind {
  'name'?: (string);
  'title'?: (string);
  'fields'?: (_broker_v1_Field)[];
}

export interface Kind__Output {
  'name': (string);
  'title': (string);
  'fields': (_broker_v1_Field__Output)[];
}
