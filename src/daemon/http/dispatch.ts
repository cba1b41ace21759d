import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import type { Caller } from '../caller.ts';
import { errorFields, type Log } from '../log.ts';
import { answerError, answerRaw, HttpRefusal } from './answers.ts';
import { type Callers, type Connection, type Presented, presentedToken } from './caller.ts';
import { checkOrigin } from './host.ts';
import type { Reached, Requests } from './listener.ts';
import type { Route, Routes } from './routes.ts';

export interface DispatchParts {
  readonly routes: Pick<Routes, 'find'>;
  readonly callers: Callers;
  readonly log: Log;
  /** Told of every refusal that is about who calls, for the audit log. */
  readonly refused: (caller: Caller, route: string, error: BrokerError) => Promise<void>;
}

/** What a route's handler runs with. */
interface Admitted {
  readonly route: Route;
  readonly caller: Caller;
  readonly rest: string;
}

/** Brings each request to its route, with a caller that the route's own demand has been held against. */
export class Dispatch implements Requests {
  readonly #parts: DispatchParts;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  request(request: IncomingMessage, response: ServerResponse, reached: Reached): void {
    this.#serve(request, response, reached)
      .catch((thrown: unknown) => answerError(response, this.#known(thrown, request)))
      .catch((thrown: unknown) => this.#unanswerable(thrown, request));
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, reached: Reached): void {
    this.#hand(request, socket, head, reached)
      .catch((thrown: unknown) => answerRaw(socket, this.#known(thrown, request)))
      .catch((thrown: unknown) => this.#unanswerable(thrown, request));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, reached: Reached): Promise<void> {
    const admitted = this.#admit(request, reached);
    const { route, caller, rest } = admitted instanceof Promise ? await admitted : admitted;
    if (reached.expectsContinue && !route.answersContinue) response.writeContinue();
    await route.handle(request, response, caller, rest);
  }

  async #hand(request: IncomingMessage, socket: Duplex, head: Buffer, reached: Reached): Promise<void> {
    const { route, caller, rest } = await this.#admit(request, reached);
    if (!route.upgrade) throw new BrokerError('invalid_argument', 'nothing here speaks another protocol');
    await route.upgrade(request, socket, head, caller, rest);
  }

  /** No promise for a caller that is known from the last request of the connection. @throws, and rejects with, BrokerError. */
  #admit(request: IncomingMessage, { connection, rule }: Reached): Admitted | Promise<Admitted> {
    const { rawHeaders, url = '', method = '' } = request;
    if (!url.startsWith('/'))
      throw new BrokerError('invalid_argument', 'the target of the request must be a path: this is no forward proxy');
    checkOrigin(rawHeaders, rule);
    const presented = presentedToken(rawHeaders, url);
    const found = this.#parts.routes.find(presented.target);
    if (!found)
      throw new BrokerError('not_found', 'there is nothing at this path', {
        hint: 'broker answers at /proxy/SERVICE/PATH, /rpc/broker.v1.X/METHOD, /metrics, /health and /ready; services and tokens are managed with the command line: broker --help',
      });
    const { route, rest } = found;
    const { methods } = route;
    if (methods && !methods.includes(method))
      throw new HttpRefusal(405, `this path takes ${methods.join(' and ')} only`, [['Allow', methods.join(', ')]]);
    const isAsked = route.auth === 'token' || route.auth === 'admin';
    const known = isAsked ? this.#parts.callers.known(connection, presented, route.auth) : undefined;
    if (known) return { route, caller: known, rest };
    const caller = isAsked
      ? this.#authenticate(connection, presented, route)
      : this.#parts.callers.anonymous(connection);
    return caller.then((found) => ({ route, caller: found, rest }));
  }

  async #authenticate(connection: Connection, presented: Presented, route: Route): Promise<Caller> {
    try {
      return await this.#parts.callers.authenticate(connection, presented, route.auth);
    } catch (error) {
      if (error instanceof BrokerError && (error.code === 'unauthenticated' || error.code === 'denied')) {
        await this.#parts.refused(await this.#parts.callers.anonymous(connection), route.path, error);
      }
      throw error;
    }
  }

  /** Not even the error could be told: nothing of one request may end the daemon. */
  #unanswerable(thrown: unknown, request: IncomingMessage): void {
    this.#known(thrown, request);
    request.socket.destroy();
  }

  #known(thrown: unknown, request: IncomingMessage): BrokerError {
    const error = toBrokerError(thrown);
    const fields = { method: request.method, ...errorFields(error) };
    if (error.code === 'internal') this.#parts.log.error('internal error of the HTTP side', fields);
    else this.#parts.log.debug('request failed', { code: error.code, ...fields });
    return error;
  }
}
