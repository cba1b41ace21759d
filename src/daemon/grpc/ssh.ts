import { BrokerError } from '../../core/errors.ts';
import type { ExecRequest__Output } from '../../core/proto/broker/v1/ExecRequest.ts';
import type { ExecResponse } from '../../core/proto/broker/v1/ExecResponse.ts';
import type { SshHandlers } from '../../core/proto/broker/v1/Ssh.ts';
import { toMillis } from '../../core/rpc.ts';
import { execute, type Running } from '../../drivers/ssh/exec.ts';
import { identityFrom } from '../../drivers/ssh/identity.ts';
import type { Daemon } from '../daemon.ts';
import { after, link } from '../sessions/link.ts';
import type { Adapter } from './adapt.ts';
import { copyHandlers } from './copy.ts';

/** Milliseconds that a command has to end by itself after its time is over, before it is killed. */
const GRACE_MS = 1_000;

export function sshHandlers(daemon: Daemon, adapt: Adapter): SshHandlers {
  const { sessions } = daemon;
  return {
    ...copyHandlers(daemon, adapt),
    Hosts: adapt.unary(async (_request, { caller }) => ({
      hosts: daemon.services
        .list()
        .filter(({ kind, name }) => kind === 'ssh' && daemon.gate.visible(caller, name))
        .map(({ name, config }) => ({
          service: name,
          user: typeof config.user === 'string' ? config.user : '',
          hostKey: identityFrom(daemon.localKey(name)).line,
        })),
    })),
    Exec: adapt.duplex(async (requests: AsyncIterable<ExecRequest__Output>, send, { caller, signal }) => {
      const messages = requests[Symbol.asyncIterator]();
      const first = await messages.next();
      const start = first.done ? undefined : first.value.start;
      if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
      const { service, reason, argv, terminal, terminalType } = start;
      const timeoutMs = toMillis(start.timeout);
      const request = { service, action: 'exec', kind: 'ssh', ...(reason && { reason }) } as const;
      const { lease, stream } = await sessions.connect(caller, request, signal);
      const close = (): void => void sessions.close(lease.id, 'closed');
      const stops: (() => void)[] = [];
      // Nothing runs yet: the session's end is the end of what was to begin.
      let cancel = close;
      const cancelled = (): void => cancel();
      signal.addEventListener('abort', cancelled, { once: true });
      using over = link(signal);
      try {
        const type = /^[\w.+-]{1,64}$/.test(terminalType) ? terminalType : 'xterm';
        const size = terminal ? { rows: terminal.rows, columns: terminal.columns, type } : undefined;
        const running = await execute(stream, { argv, terminal: size }, over.signal);
        cancel = () => stops.push(...endAfter(0, running, () => undefined, close));
        if (signal.aborted) cancel();
        const late = new BrokerError(
          'upstream_timeout',
          `${service}: the command did not end within ${(timeoutMs ?? 0) / 1_000} s`,
        );
        if (timeoutMs) stops.push(...endAfter(timeoutMs, running, () => over.abort(late), close));
        void input(messages, running);
        await output(running, send);
        const ended = await running.ended.catch((error: unknown) => {
          throw over.signal.aborted ? late : error;
        });
        if (over.signal.aborted) throw late;
        await send({ exit: { code: 0, signal: '', ...ended } });
      } finally {
        for (const stop of stops) stop();
        signal.removeEventListener('abort', cancelled);
        await sessions.close(lease.id, 'closed');
      }
    }),
  };

  /** TERM, then KILL, then the end of the session: whatever the command does, the call ends. */
  function endAfter(timeoutMs: number, running: Running, over: () => void, close: () => void): (() => void)[] {
    const stops: (() => void)[] = [];
    stops.push(
      after(timeoutMs, () => {
        over();
        running.signal('TERM');
        stops.push(after(GRACE_MS, () => running.signal('KILL')));
        // A server that passes no signals on does not hold up the call.
        stops.push(after(2 * GRACE_MS, close));
      }),
    );
    return [() => stops.splice(0).forEach((stop) => void stop())];
  }

  /** What the caller sends, until it has said its last word. A caller that breaks off is told so by its own signal. */
  async function input(messages: AsyncIterator<ExecRequest__Output>, running: Running): Promise<void> {
    try {
      for (let next = await messages.next(); !next.done; next = await messages.next()) {
        const { stdin, endOfInput, resize } = next.value;
        if (stdin) await running.write(stdin);
        if (resize) running.resize(resize.rows, resize.columns);
        if (endOfInput) running.endOfInput();
      }
      running.endOfInput();
    } catch {
      running.endOfInput();
    }
  }

  async function output(running: Running, send: (response: ExecResponse) => Promise<void>): Promise<void> {
    const forward = async (stream: AsyncIterable<Buffer>, name: 'stdout' | 'stderr'): Promise<void> => {
      for await (const bytes of stream) await send(name === 'stdout' ? { stdout: bytes } : { stderr: bytes });
    };
    await Promise.all([forward(running.stdout, 'stdout'), forward(running.stderr, 'stderr')]);
  }
}
