// Original file: proto/broker/v1/presets.proto

import type { Preset as _broker_v1_Preset, Preset__Output as _broker_v1_Preset__Output } from '../../broker/v1/Preset.ts';

export interface ListPresetsResponse {
  'presets'?: (_broker_v1_Preset)[];
}

export interface ListPresetsResponse__Output {
  'presets': (_broker_v1_Preset__Output)[];
}
