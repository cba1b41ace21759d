import { createRequire } from 'node:module';
import type { MethodDefinition, Server, ServiceDefinition, UntypedHandleCall } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type * as reflection from '@grpc/reflection';
import { onFirstUse } from '../../core/library.ts';

const require = createRequire(import.meta.url);
/** Loaded when somebody first asks: few do, and it parses proto text of its own. */
const library = onFirstUse<typeof reflection>('@grpc/reflection', () => require('@grpc/reflection'));

/** Old clients know v1alpha only. */
const VERSIONS = ['v1', 'v1alpha'] as const;
const METHOD = 'ServerReflectionInfo';

type Method = MethodDefinition<object, object>;
type BidiHandler = (stream: object) => void;

/** Adds `grpc.reflection`, which describes the services of `definition` to generic clients. Who may call is who may connect. */
export function addReflection(server: Pick<Server, 'addService'>, definition: PackageDefinition): void {
  const made = onFirstUse('@grpc/reflection', () => methods(definition));
  for (const version of VERSIONS) {
    const path = `/grpc.reflection.${version}.ServerReflection/${METHOD}`;
    const real = () => {
      const found = made().get(path);
      if (!found) throw new TypeError(`@grpc/reflection has no ${path}`);
      return found;
    };
    const method: Method = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (value) => real().method.requestSerialize(value),
      requestDeserialize: (bytes) => real().method.requestDeserialize(bytes),
      responseSerialize: (value) => real().method.responseSerialize(value),
      responseDeserialize: (bytes) => real().method.responseDeserialize(bytes),
    };
    const handle: BidiHandler = (stream) => real().handle(stream);
    server.addService({ [METHOD]: method }, { [METHOD]: handle });
  }
}

/** What the library adds to a server, by path. */
function methods(definition: PackageDefinition): Map<string, { method: Method; handle: BidiHandler }> {
  const found = new Map<string, { method: Method; handle: BidiHandler }>();
  new (library().ReflectionService)(described(definition)).addToServer({
    addService(service: ServiceDefinition, handlers: Readonly<Record<string, UntypedHandleCall>>) {
      const [method, handle] = [service[METHOD], handlers[METHOD]];
      if (method && handle) found.set(method.path, { method: method as Method, handle: handle as BidiHandler });
    },
  });
  return found;
}

/**
 * Each message of a definition carries the descriptors of all files, and the library decodes them from every one: 25 MB
 * of garbage. One is enough.
 */
function described(definition: PackageDefinition): PackageDefinition {
  const one = Object.entries(definition).find(([, entry]) => 'fileDescriptorProtos' in entry);
  if (!one) throw new TypeError('the definition has no message');
  return Object.fromEntries([one]);
}
