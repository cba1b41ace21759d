/**
 * The HTTP/2 stream of a call. The library gives no way to it: it is behind the interceptors of the server.
 * @returns undefined for a call that has none, or once the library keeps it elsewhere (`proveConnections` looks).
 */
export function callStream(call: object): unknown {
  let at: unknown = property(call, 'call');
  while (property(at, 'nextCall') !== undefined) at = property(at, 'nextCall');
  return property(at, 'stream');
}

export function property(value: unknown, name: string | symbol): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
