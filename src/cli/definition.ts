import { descriptor } from '../core/proto/descriptor.ts';
import { type MethodSchema, Schema } from '../core/schema.ts';
import { decode, encode } from './codec.ts';

/** One method of the control API as grpc-js's client wants it. */
export interface ClientMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => object;
}

let schema: Schema | undefined;

/** The methods of a service of `broker.v1`, from the prebuilt descriptor; types are read when first used. */
export function clientMethods(service: string): readonly (readonly [name: string, method: ClientMethod])[] {
  schema ??= new Schema(descriptor);
  const known = schema;
  const full = `broker.v1.${service}`;
  return known.methods(full).map((name) => {
    let types: MethodSchema | undefined;
    const resolved = (): MethodSchema => {
      types ??= known.method(full, name);
      return types;
    };
    return [
      name,
      {
        path: `/${full}/${name}`,
        ...known.streams(full, name),
        requestSerialize: (message) => encode(resolved().request, message),
        responseDeserialize: (bytes) => decode(resolved().response, bytes),
      },
    ];
  });
}
