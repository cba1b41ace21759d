import type { JsonObject } from '../core/json.ts';
import type { ServicePolicy } from '../core/proto/broker/v1/ServicePolicy.ts';
import type { Secret } from '../core/secret.ts';

/** A service as a file describes it, ours or a seed's. */
export interface ServiceFile {
  readonly name: string | undefined;
  readonly kind: string;
  readonly config: JsonObject;
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly policy: ServicePolicy | undefined;
  /** What means something else here than where the file comes from, a sentence each. */
  readonly changes: readonly string[];
}
