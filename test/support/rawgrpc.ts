import type { TestContext } from 'node:test';
import { Client, type ClientReadableStream, credentials } from '@grpc/grpc-js';

const same = (bytes: Buffer): Buffer => bytes;

/** Calls a unary method with bytes as they are, for services and messages that the typed client does not have. */
export function rawUnary(target: string, path: string, request: Buffer): Promise<Buffer> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  return new Promise<Buffer>((resolve, reject) => {
    const deadline = Date.now() + 20_000;
    client.makeUnaryRequest(path, same, same, request, { deadline }, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    );
  }).finally(() => client.close());
}

/** Sends one message on a bidirectional method and gives the first answer. */
export function rawDuplex(target: string, path: string, request: Buffer): Promise<Buffer> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  return new Promise<Buffer>((resolve, reject) => {
    const call = client.makeBidiStreamRequest(path, same, same, { deadline: Date.now() + 20_000 });
    call.once('error', reject).once('data', (answer: Buffer) => {
      call.end();
      resolve(answer);
    });
    call.write(request);
  }).finally(() => client.close());
}

/** Calls a method that streams its answers, which nobody reads unless the test does; closed with the test. */
export function rawStream(t: TestContext, target: string, path: string): ClientReadableStream<Buffer> {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  t.after(() => client.close());
  return client.makeServerStreamRequest(path, same, same, Buffer.alloc(0));
}

/** A length-delimited field of a protobuf message of fewer than 128 bytes (encoding guide, wire type 2). */
export function field(number: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}
