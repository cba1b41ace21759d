// Original file: proto/broker/v1/presets.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../google/protobuf/Struct.ts';

export interface _broker_v1_Preset_Credential {
  'field'?: (string);
  'what'?: (string);
  'env'?: (string)[];
}

export interface _broker_v1_Preset_Credential__Output {
  'field': (string);
  'what': (string);
  'env': (string)[];
}

export interface _broker_v1_Preset_GitSetting {
  'key'?: (string);
  'value'?: (string);
}

export interface _broker_v1_Preset_GitSetting__Output {
  'key': (string);
  'value': (string);
}

export interface Preset {
  'name'?: (string);
  'title'?: (string);
  'about'?: (string);
  'kind'?: (string);
  'config'?: (_google_protobuf_Struct | null);
  'ask'?: ({[key: string]: string});
  'credential'?: (_broker_v1_Preset_Credential | null);
  'env'?: ({[key: string]: string});
  'unset'?: (string)[];
  'placeholder'?: (string);
  'gitConfig'?: (_broker_v1_Preset_GitSetting)[];
  'own'?: (boolean);
}

export interface Preset__Output {
  'name': (string);
  'title': (string);
  'about': (string);
  'kind': (string);
  'config': (_google_protobuf_Struct__Output | null);
  'ask': ({[key: string]: string});
  'credential': (_broker_v1_Preset_Credential__Output | null);
  'env': ({[key: string]: string});
  'unset': (string)[];
  'placeholder': (string);
  'gitConfig': (_broker_v1_Preset_GitSetting__Output)[];
  'own': (boolean);
}
