import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StatusObject, UntypedServiceImplementation } from '@grpc/grpc-js';
import { toBrokerError } from '../../../core/errors.ts';
import { descriptor } from '../../../core/proto/descriptor.ts';
import { type MethodSchema, type Node, Schema } from '../../../core/schema.ts';
import type { Caller } from '../../caller.ts';
import { type ConnectionFacts, noteFacts } from '../../grpc/peers.ts';
import { answerJson, beginAnswer, errorJson, HttpRefusal } from '../answers.ts';
import { presentedToken } from '../caller.ts';
import type { Route } from '../routes.ts';
import { readJson } from './body.ts';
import { errorOf, HttpCall, HttpStreamCall } from './call.ts';
import { parseMessage } from './parse.ts';
import { renderMessage } from './render.ts';

type Handle = UntypedServiceImplementation[string];

/**
 * `POST /rpc/broker.v1.SERVICE/METHOD` for every method of the descriptor: JSON in, JSON out, and a line of JSON for each
 * message of a stream. The handlers are those of gRPC, behind the same Adapter: same access table, same errors, same audit.
 */
export function rpcRoutes(services: ReadonlyMap<string, UntypedServiceImplementation>): Route[] {
  const schema = new Schema(descriptor as Node);
  return [...services].flatMap(([name, implementation]) =>
    schema.methods(`broker.v1.${name}`).map((method) => {
      const handle = implementation[method];
      if (!handle) throw new TypeError(`broker.v1.${name}/${method} has no handler`);
      return methodRoute(schema, `broker.v1.${name}`, method, handle);
    }),
  );
}

function methodRoute(schema: Schema, service: string, method: string, handle: Handle): Route {
  const path = `/${service}/${method}`;
  const { requestStream } = schema.streams(service, method);
  return {
    path: `/rpc${path}`,
    auth: 'rpc',
    methods: ['POST'],
    handle: async (request, response, caller) => {
      if (requestStream)
        throw new HttpRefusal(
          501,
          `${service}/${method} takes a stream, which only gRPC can carry`,
          [],
          'see docs/api.md',
        );
      const types = schema.method(service, method);
      const { token } = presentedToken(request.rawHeaders, request.url ?? '');
      const message = parseMessage(types.request, await readJson(request));
      const call: Called = { path, message, token, types, handle, facts: factsOf(request, caller) };
      await (types.responseStream ? stream(call, response) : unary(call, response));
    },
  };
}

interface Called {
  readonly path: string;
  readonly message: object;
  readonly token: string | undefined;
  readonly types: MethodSchema;
  readonly handle: Handle;
  readonly facts: ConnectionFacts;
}

async function unary({ path, message, token, types, handle, facts }: Called, response: ServerResponse): Promise<void> {
  const call = new HttpCall(path, message, token, response);
  noteFacts(call, facts);
  const answer = await new Promise<object>((resolve, reject) => {
    const done = (status: Partial<StatusObject> | null, value?: object): void =>
      status ? reject(errorOf(status)) : resolve(value ?? {});
    // The Adapter's function, which knows no more of a call than HttpCall has.
    Reflect.apply(handle, undefined, [call, done]);
  });
  answerJson(response, 200, renderMessage(types.response, { ...answer }));
}

async function stream({ path, message, token, types, handle, facts }: Called, response: ServerResponse): Promise<void> {
  const render = (each: object): unknown => renderMessage(types.response, { ...each });
  const call = new HttpStreamCall(path, message, token, response, beginAnswer, render);
  noteFacts(call, facts);
  try {
    const over = call.over();
    Reflect.apply(handle, undefined, [call]);
    await over;
  } catch (thrown) {
    const error = toBrokerError(thrown);
    call.fail(error, errorJson(error));
  }
}

function factsOf(request: IncomingMessage, { peer }: Caller): ConnectionFacts {
  return {
    transport: 'http',
    peer: Promise.resolve(peer),
    remoteAddress: request.socket.remoteAddress ?? 'local',
  };
}
