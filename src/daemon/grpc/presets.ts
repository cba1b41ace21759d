import type { Preset } from '../../core/proto/broker/v1/Preset.ts';
import type { PresetsHandlers } from '../../core/proto/broker/v1/Presets.ts';
import { toStruct } from '../../core/struct.ts';
import type { Daemon } from '../daemon.ts';
import type { FoundPreset } from '../presets.ts';
import type { Adapter } from './adapt.ts';

export function presetsHandlers(daemon: Daemon, adapt: Adapter): PresetsHandlers {
  return { List: adapt.unary(async () => ({ presets: daemon.presets.list().map(message) })) };
}

function message(preset: FoundPreset): Preset {
  const { credential } = preset;
  return {
    name: preset.name,
    title: preset.title,
    about: preset.about,
    kind: preset.kind,
    config: toStruct(preset.config) as Preset['config'] & object,
    ask: { ...preset.ask },
    credential: { field: credential.field, what: credential.what, env: [...credential.env] },
    env: { ...preset.env },
    unset: [...preset.unset],
    placeholder: preset.placeholder,
    gitConfig: preset.gitConfig.map(([key, value]) => ({ key, value })),
    own: preset.own,
  };
}
