import { BrokerError, throwIfAborted, toBrokerError } from '../../core/errors.ts';
import type { ExecRequest__Output } from '../../core/proto/broker/v1/ExecRequest.ts';
import type { ExecStart__Output } from '../../core/proto/broker/v1/ExecStart.ts';
import type { SshHandlers } from '../../core/proto/broker/v1/Ssh.ts';
import { toMillis } from '../../core/rpc.ts';
import { Command } from '../../drivers/ssh/exec.ts';
import type { Terminal } from '../../drivers/ssh/packet.ts';
import type { Running } from '../../drivers/ssh/running.ts';
import type { Daemon } from '../daemon.ts';
import { link } from '../sessions/link.ts';
import type { Adapter } from './adapt.ts';
import { Curfew } from './curfew.ts';

/** Running commands: sessions in which broker itself is the client. */
export function execHandler({ sessions }: Daemon, adapt: Adapter): SshHandlers['Exec'] {
  return adapt.duplex(async (requests: AsyncIterable<ExecRequest__Output>, send, { caller, signal }) => {
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    const start = first.done ? undefined : first.value.start;
    if (!start) throw new BrokerError('invalid_argument', 'the first message must be `start`');
    const { service, reason, argv } = start;
    if (argv.length === 0) throw new BrokerError('invalid_argument', 'argv names no command');
    const command = new Command({ argv, terminal: terminalOf(start) });
    let session: string | undefined;
    const leave = async (): Promise<void> => {
      if (session !== undefined) await sessions.leave(session);
    };
    using over = link(signal);
    using curfew = new Curfew(over, toMillis(start.timeout), () => void leave());
    const request = { service, action: 'exec', kind: 'ssh', ...(reason && { reason }) } as const;
    session = (await sessions.connect(caller, request, over.signal, command.greet)).lease.id;
    try {
      // The caller may have left, or the time been over, in the moment before there was anything to end.
      throwIfAborted(over.signal);
      const running = await command.opened;
      curfew.watch(running);
      void input(messages, running);
      const carried = running.carry((bytes, from) => curfew.owed(send({ [from]: bytes })));
      const [ended] = await Promise.all([command.ended, carried]);
      throwIfAborted(over.signal);
      // Nothing follows that would have to wait until it is read.
      void send({ exit: { code: 0, signal: '', ...ended } });
    } catch (thrown) {
      // However it was ended, that its time was over is why.
      throw toBrokerError(over.signal.aborted ? over.signal.reason : thrown).forService(service);
    } finally {
      await leave();
    }
  });
}

function terminalOf({ terminal, terminalType }: ExecStart__Output): Terminal | undefined {
  const type = /^[\w.+-]{1,64}$/.test(terminalType) ? terminalType : 'xterm';
  return terminal ? { rows: terminal.rows, columns: terminal.columns, type } : undefined;
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
