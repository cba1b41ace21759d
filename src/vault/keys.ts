import type { Secret } from '../core/secret.ts';
import { derive } from './aead.ts';

/** The data key of an unlocked vault and what is derived from it: one key per purpose, none used for two. */
export class Keys implements Disposable {
  readonly data: Secret;
  /** Encrypts the body of the file. */
  readonly body: Secret;
  /** Seals each secret inside the body. */
  readonly secrets: Secret;
  readonly #vaultId: Buffer;

  /** Takes over `data`. */
  constructor(data: Secret, vaultId: Buffer) {
    this.data = data;
    this.#vaultId = vaultId;
    this.body = derive(data, vaultId, 'broker vault v1 body');
    this.secrets = derive(data, vaultId, 'broker vault v1 secrets');
  }

  /** A key for `label`, for the caller to dispose. Other labels, other keys; none of them tells of the data key. */
  derived(label: string): Secret {
    return derive(this.data, this.#vaultId, `broker vault v1 derived: ${label}`);
  }

  [Symbol.dispose](): void {
    this.data[Symbol.dispose]();
    this.body[Symbol.dispose]();
    this.secrets[Symbol.dispose]();
  }
}
