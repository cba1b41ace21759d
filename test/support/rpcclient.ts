import type { BrokerClient } from '../../src/cli/connect.ts';
import { BrokerError, isErrorCode } from '../../src/core/errors.ts';
import { descriptor } from '../../src/core/proto/descriptor.ts';
import { type Node, Schema } from '../../src/core/schema.ts';
import { renderMessage } from '../../src/daemon/http/rpc/render.ts';

const schema = new Schema(descriptor as Node);

/** The typed client, over `POST /rpc/...` instead of gRPC: for tests that hold one against the other. Methods that
 * take a stream are not in it. */
export function rpcClient(url: string, services: readonly string[], token?: string): BrokerClient {
  const client: Record<string, object> = {};
  for (const service of services) {
    const methods = schema
      .methods(`broker.v1.${service}`)
      .map((method) => [lower(method), caller(url, service, method, token)]);
    client[lower(service)] = Object.fromEntries(methods);
  }
  return client as unknown as BrokerClient;
}

/** The error in an answer. */
export async function refusalIn(answer: Response): Promise<BrokerError> {
  const { error } = (await answer.json()) as { error: { code: string; message: string; hint?: string } };
  if (!isErrorCode(error.code)) throw new Error(`${error.code} is no code`);
  return new BrokerError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
}

function caller(url: string, service: string, method: string, token: string | undefined) {
  const types = schema.method(`broker.v1.${service}`, method);
  const post = (message: object, timeoutMs = 20_000): Promise<Response> =>
    fetch(`${url}/rpc/broker.v1.${service}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(renderMessage(types.request, { ...message })),
      signal: AbortSignal.timeout(timeoutMs),
    });
  const unary = async (message: object): Promise<unknown> => {
    const answer = await post(message);
    if (!answer.ok) throw await refusalIn(answer);
    return await answer.json();
  };
  async function* lines(message: object, { timeoutMs }: { timeoutMs?: number } = {}): AsyncGenerator<unknown> {
    try {
      const answer = await post(message, timeoutMs);
      if (!answer.ok) throw await refusalIn(answer);
      let rest = '';
      for await (const chunk of answer.body ?? []) {
        const parts = (rest + Buffer.from(chunk).toString('utf8')).split('\n');
        rest = parts.pop() ?? '';
        for (const line of parts) yield JSON.parse(line);
      }
    } catch (error) {
      if (error instanceof DOMException) throw new BrokerError('upstream_timeout', 'the time was over');
      throw error;
    }
  }
  return types.responseStream ? lines : unary;
}

function lower(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
