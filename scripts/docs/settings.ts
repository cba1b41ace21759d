import { SETTINGS, type Setting } from '../../src/core/settings.ts';
import { markdownTable } from './section.ts';

/** A row per setting of the daemon, from the table that its flags, environment and file come from. */
export function settingsTable(): string {
  const settings: readonly Setting[] = SETTINGS;
  const rows = settings.map(({ name, env, value, doc, fallback }) => [
    `\`--${name} ${value}\``,
    `\`${env}\``,
    fallback === undefined ? '' : `\`${fallback}\``,
    doc,
  ]);
  return markdownTable(['Flag', 'Environment', 'Default', 'Meaning'], rows);
}
