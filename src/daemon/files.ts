import { BrokerError } from '../core/errors.ts';
import { fileNameProblem } from '../core/fileref.ts';
import type { Grant } from '../core/grant.ts';
import { MAX_FILE_BYTES } from '../core/limits.ts';
import { Secret } from '../core/secret.ts';
import type { StoredRecord, Vault } from '../vault/vault.ts';
import type { Services } from './services.ts';

export interface FileView {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly updatedAt: number;
}

/** Credential files: keys and service accounts that services refer to by name. */
export class Files {
  readonly #vault: Vault;
  readonly #services: Services;

  constructor(vault: Vault, services: Services) {
    this.#vault = vault;
    this.#services = services;
  }

  list(): FileView[] {
    return this.#vault.list('file').map(view);
  }

  /** Creates or replaces; takes `content` over. @throws BrokerError `invalid_argument`, `too_large`, `locked`. */
  async put(name: string, content: Buffer): Promise<FileView> {
    checkName(name);
    if (content.length === 0) throw new BrokerError('invalid_argument', `${name}: the file is empty`);
    if (content.length > MAX_FILE_BYTES)
      throw new BrokerError('too_large', `${name}: more than ${MAX_FILE_BYTES} bytes`);
    const size = content.length;
    using secret = Secret.own(content);
    const [record] = await this.#vault.write([
      { type: 'put', collection: 'file', name, fields: { size }, secrets: { content: secret } },
    ]);
    if (!record) throw new BrokerError('internal', 'the vault returned no record');
    return view(record);
  }

  /** The content, for a grant of action `expose` on this file. */
  content(grant: Grant): Secret {
    return this.#vault.reveal(grant, 'content');
  }

  exists(name: string): boolean {
    return this.#vault.get('file', name) !== undefined;
  }

  /** @throws BrokerError `not_found`; `conflict` naming the services that refer to it. */
  async delete(name: string): Promise<void> {
    if (!this.exists(name)) throw new BrokerError('not_found', `there is no file ${name}`);
    const users = this.#services.usersOf(name);
    if (users.length > 0) throw new BrokerError('conflict', `${name} is used by ${users.join(', ')}`);
    await this.#vault.write([{ type: 'delete', collection: 'file', name }]);
  }
}

function view(record: StoredRecord): FileView {
  const size = record.fields.size;
  return { name: record.name, size: typeof size === 'number' ? size : 0, updatedAt: record.updatedAt };
}

function checkName(name: string): void {
  const problem = fileNameProblem(name);
  if (problem) throw new BrokerError('invalid_argument', `name ${problem}`);
}
