import { BrokerError } from '../../core/errors.ts';
import { MAX_FILE_BYTES } from '../../core/limits.ts';
import type { File } from '../../core/proto/broker/v1/File.ts';
import type { FilesHandlers } from '../../core/proto/broker/v1/Files.ts';
import { fromMillis } from '../../core/rpc.ts';
import type { Daemon } from '../daemon.ts';
import type { FileView } from '../files.ts';
import type { Adapter } from './adapt.ts';
import { chunks, collect } from './chunks.ts';

export function filesHandlers(daemon: Daemon, adapt: Adapter): FilesHandlers {
  const { files, gate } = daemon;
  return {
    Put: adapt.clientStream(async (requests, { caller }) => {
      let name = '';
      const content = await collect(requests, MAX_FILE_BYTES, (first) => {
        name = first.name;
      });
      const detail = { name, bytes: content.length };
      return message(await daemon.audited('file.put', caller, { detail }, () => files.put(name, content)));
    }),
    Get: adapt.serverStream(async function* ({ name }, { caller }) {
      using grant = await gate.expose(caller, name);
      using content = files.content(grant);
      // An exposure: the one place where stored bytes leave the daemon, for an admin, and on record (gate.expose).
      yield* chunks(content.use((bytes) => Buffer.from(bytes)));
    }),
    List: adapt.unary(async () => ({ files: files.list().map(message) })),
    Delete: adapt.unary(async ({ name }, { caller }) => {
      if (!name) throw new BrokerError('invalid_argument', 'name is required');
      await daemon.audited('file.delete', caller, { detail: { name } }, () => files.delete(name));
      return {};
    }),
  };
}

function message(file: FileView): File {
  return { name: file.name, size: file.size, updatedAt: fromMillis(file.updatedAt) };
}
