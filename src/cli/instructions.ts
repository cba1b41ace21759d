import type { Kind__Output } from '../core/proto/broker/v1/Kind.ts';
import type { Preset__Output } from '../core/proto/broker/v1/Preset.ts';
import type { Service__Output } from '../core/proto/broker/v1/Service.ts';
import { fromStruct } from '../core/struct.ts';
import { isHttp } from './reach.ts';
import { variablePrefix } from './variables.ts';

/** What an agent that runs under `broker run` is to know, in Markdown: names of variables, no values. */
export function instructions(
  services: readonly Service__Output[],
  kinds: readonly Kind__Output[],
  presets: readonly Preset__Output[],
): string {
  const lines = services.map((service) => {
    const preset = presets.find(({ name }) => name === fromStruct(service.config).preset);
    const title = preset?.title ?? service.target;
    return `- **${service.name}** (${title}): ${howTo(service, isHttp(kinds, service.kind), preset)}`;
  });
  return `${HEAD}\n\n${lines.length > 0 ? lines.join('\n') : '- none'}\n\n${TAIL}`;
}

const HEAD = `## Credentials

You have no passwords or API keys here, and need none. A program called broker logs in for you. The variables below point
stock clients at it; their tokens are good only here, and only while this command runs. These services are there:`;

const TAIL = `Do not look for other credentials, do not ask for any, and do not put these variables into files. Addresses of
broker (127.0.0.1) must not go through a proxy; NO_PROXY says so. A refusal of broker says what was refused and why
(header \`X-Broker-Error\` in HTTP): report it instead of working around it.`;

function howTo(service: Service__Output, http: boolean, preset: Preset__Output | undefined): string {
  const prefix = variablePrefix(service.name);
  if (!http)
    return `its clients connect without any option; \`${prefix}_URL\` is its address for those that want a URL.`;
  if (!preset) {
    return `\`${prefix}_URL\` is its base URL; send \`${prefix}_TOKEN\` as \`Authorization: Bearer\`. Example: \`curl -H "Authorization: Bearer $${prefix}_TOKEN" "$${prefix}_URL/"\`.`;
  }
  if (preset.gitConfig.length > 0) return 'clone, fetch and push with git as usual, by the usual addresses.';
  const names = Object.keys(preset.env).map((name) => `\`${name}\``);
  return `SDKs read ${names.join(', ')}: create clients without giving a key or a base URL, or give these.`;
}
