import type { PackageDefinition } from '@grpc/proto-loader';
import { fromJSON } from '@grpc/proto-loader';
import { descriptor } from '../core/proto/descriptor.ts';

let loaded: PackageDefinition | undefined;

/** The control API's definition, from the prebuilt descriptor; with the daemon's conversion options. */
export function packageDefinition(): PackageDefinition {
  loaded ??= fromJSON(descriptor as Parameters<typeof fromJSON>[0], {
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return loaded;
}
