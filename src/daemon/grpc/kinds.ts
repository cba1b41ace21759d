import type { NamedField } from '../../core/config.ts';
import type { FieldType } from '../../core/field.ts';
import type { Field } from '../../core/proto/broker/v1/Field.ts';
import type { KindsHandlers } from '../../core/proto/broker/v1/Kinds.ts';
import type { Daemon } from '../daemon.ts';
import type { Adapter } from './adapt.ts';

export function kindsHandlers(daemon: Daemon, adapt: Adapter): KindsHandlers {
  return {
    List: adapt.unary(async () => ({
      kinds: [...daemon.kinds.values()].map(({ kind, title, config }) => ({
        name: kind,
        title,
        use: daemon.drivers.has(kind) ? ('USE_SESSION' as const) : ('USE_HTTP' as const),
        fields: config.fields.map(fieldMessage),
      })),
    })),
  };
}

const TYPES = {
  text: 'TYPE_TEXT',
  integer: 'TYPE_INTEGER',
  boolean: 'TYPE_BOOLEAN',
  choice: 'TYPE_CHOICE',
  list: 'TYPE_LIST',
  secret: 'TYPE_SECRET',
} as const satisfies Record<FieldType, Field['type']>;

function fieldMessage(field: NamedField): Field {
  return {
    name: field.name,
    type: TYPES[field.type],
    doc: field.doc,
    required: field.required,
    defaultJson: field.default === undefined ? '' : JSON.stringify(field.default),
    choices: [...(field.choices ?? [])],
    redirects: field.redirects,
    multiline: field.multiline,
  };
}
