/** What a field holds: a scalar of protobuf that our proto files use, or a named type. */
export type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'double';

export interface FieldSchema {
  readonly name: string;
  readonly id: number;
  readonly type: Scalar | MessageSchema | EnumSchema;
  readonly repeated: boolean;
  /** A map with string keys; `type` is that of its values. */
  readonly map: boolean;
  /** The oneof that it is in; an `optional` field is alone in one of its own. */
  readonly oneof: string | undefined;
}

export interface MessageSchema {
  /** With its package: `google.protobuf.Timestamp`. */
  readonly name: string;
  readonly fields: readonly FieldSchema[];
}

export interface EnumSchema {
  readonly name: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface MethodSchema {
  readonly request: MessageSchema;
  readonly response: MessageSchema;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** The form in which protobufjs writes a schema as JSON (its INamespace), as far as proto3 goes. */
export interface Node {
  readonly nested?: Readonly<Record<string, Node>>;
  readonly fields?: Readonly<Record<string, FieldNode>>;
  readonly oneofs?: Readonly<Record<string, { readonly oneof: readonly string[] }>>;
  readonly values?: Readonly<Record<string, number>>;
  readonly methods?: Readonly<Record<string, MethodNode>>;
}

interface FieldNode {
  readonly type: string;
  readonly id: number;
  readonly rule?: string;
  readonly keyType?: string;
}

interface MethodNode {
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

const SCALARS: ReadonlySet<string> = new Set('string bytes bool int32 uint32 int64 uint64 double'.split(' '));

/**
 * Reads types out of a descriptor when they are asked for: a command line uses one or two methods of the dozens, and
 * must not wait for the rest.
 */
export class Schema {
  readonly #root: Node;
  readonly #types = new Map<string, MessageSchema | EnumSchema>();

  constructor(root: Node) {
    this.#root = root;
  }

  /** The methods of a service by its full name. @throws TypeError if there is no such service. */
  methods(service: string): readonly string[] {
    return Object.keys(this.#service(service));
  }

  /** Streams, without resolving the types. */
  streams(service: string, method: string): Pick<MethodSchema, 'requestStream' | 'responseStream'> {
    const { requestStream = false, responseStream = false } = this.#method(service, method);
    return { requestStream, responseStream };
  }

  method(service: string, method: string): MethodSchema {
    const { requestType, responseType } = this.#method(service, method);
    return {
      ...this.streams(service, method),
      request: this.message(requestType, service),
      response: this.message(responseType, service),
    };
  }

  /** @throws TypeError if the name is not that of a message. */
  message(name: string, scope = ''): MessageSchema {
    const type = this.#type(name, scope);
    if (!('fields' in type)) throw new TypeError(`${name} is no message`);
    return type;
  }

  #service(name: string): Readonly<Record<string, MethodNode>> {
    const methods = this.#find(name)?.methods;
    if (!methods) throw new TypeError(`${name} is no service of the descriptor`);
    return methods;
  }

  #method(service: string, name: string): MethodNode {
    const method = this.#service(service)[name];
    if (!method) throw new TypeError(`${service} has no ${name}`);
    return method;
  }

  /** A name is looked up in the innermost scope first, then outwards (language guide, "Packages and Name Resolution"). */
  #type(name: string, scope: string): MessageSchema | EnumSchema {
    const full = scope ? `${scope}.${name}` : name;
    const node = this.#find(full);
    if (node?.values || node?.fields) return this.#read(full, node);
    if (!scope) throw new TypeError(`${name} is not in the descriptor`);
    return this.#type(name, scope.includes('.') ? scope.slice(0, scope.lastIndexOf('.')) : '');
  }

  #read(full: string, node: Node): MessageSchema | EnumSchema {
    const known = this.#types.get(full);
    if (known) return known;
    if (node.values) {
      const made = { name: full, values: node.values };
      this.#types.set(full, made);
      return made;
    }
    const fields: FieldSchema[] = [];
    const made = { name: full, fields };
    this.#types.set(full, made); // before its fields are read: a message may hold its own kind
    const oneofs = Object.entries(node.oneofs ?? {});
    for (const [name, field] of Object.entries(node.fields ?? {})) {
      fields.push({
        name,
        id: field.id,
        type: isScalar(field.type) ? field.type : this.#type(field.type, full),
        repeated: field.rule === 'repeated',
        map: field.keyType !== undefined,
        oneof: oneofs.find(([, { oneof }]) => oneof.includes(name))?.[0],
      });
    }
    return made;
  }

  #find(full: string): Node | undefined {
    return full.split('.').reduce<Node | undefined>((node, part) => node?.nested?.[part], this.#root);
  }
}

function isScalar(type: string): type is Scalar {
  return SCALARS.has(type);
}
