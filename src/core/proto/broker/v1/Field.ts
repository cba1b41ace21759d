// Original file: proto/broker/v1/kinds.proto


// Original file: proto/broker/v1/kinds.proto

export const _broker_v1_Field_Type = {
  TYPE_UNSPECIFIED: 'TYPE_UNSPECIFIED',
  TYPE_TEXT: 'TYPE_TEXT',
  TYPE_INTEGER: 'TYPE_INTEGER',
  TYPE_BOOLEAN: 'TYPE_BOOLEAN',
  TYPE_CHOICE: 'TYPE_CHOICE',
  TYPE_LIST: 'TYPE_LIST',
  TYPE_SECRET: 'TYPE_SECRET',
} as const;

export type _broker_v1_Field_Type =
  | 'TYPE_UNSPECIFIED'
  | 0
  | 'TYPE_TEXT'
  | 1
  | 'TYPE_INTEGER'
  | 2
  | 'TYPE_BOOLEAN'
  | 3
  | 'TYPE_CHOICE'
  | 4
  | 'TYPE_LIST'
  | 5
  | 'TYPE_SECRET'
  | 6

export type _broker_v1_Field_Type__Output = typeof _broker_v1_Field_Type[keyof typeof _broker_v1_Field_Type]

export interface Field {
  'name'?: (string);
  'type'?: (_broker_v1_Field_Type);
  'doc'?: (string);
  'required'?: (boolean);
  'defaultJson'?: (string);
  'choices'?: (string)[];
  'redirects'?: (boolean);
  'multiline'?: (boolean);
}

export interface Field__Output {
  'name': (string);
  'type': (_broker_v1_Field_Type__Output);
  'doc': (string);
  'required': (boolean);
  'defaultJson': (string);
  'choices': (string)[];
  'redirects': (boolean);
  'multiline': (boolean);
}
