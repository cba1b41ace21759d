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
      // Filled in as it comes: a file that is refused half way is on record with its name.
      const detail: Record<string, string | number> = {};
      const file = await daemon.audited('file.put', caller, { detail }, async () => {
        let name = '';
        const content = await collect(requests, MAX_FILE_BYTES, (first) => {
          name = first.name;
          detail.name = name;
        });
        detail.bytes = content.length;
        return await files.put(name, content);
      });
      // What was made with the old content is not used again.
      for (const service of daemon.services.usersOf(file.name)) await daemon.serviceChanged(service);
      return message(file);
    }),
    Get: adapt.serverStream(async function* ({ name }, { caller }) {
      const content = await daemon.watched('file.get', caller, { detail: { name } }, async () => {
        if (!files.exists(name)) throw new BrokerError('not_found', 'there is no such file');
        using grant = await gate.expose(caller, name);
        return files.content(grant);
      });
      // An exposure: the one place where stored bytes leave the daemon, for an admin, and on record (gate.expose).
      using _ = content;
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
