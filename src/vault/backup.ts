import { BrokerError } from '../core/errors.ts';
import { wrong } from './attempts.ts';
import { Contents } from './contents.ts';
import { decodeImage, type Image } from './format.ts';
import type { Stretch } from './kdf.ts';
import { type Credential, openSlots } from './slot.ts';

/** Reads a backup and opens all of it, to throw that away. @throws BrokerError unless `password` opens it. */
export async function checkBackup(bytes: Buffer, password: Credential, stretch: Stretch): Promise<Image> {
  try {
    const image = decodeImage(bytes);
    const dataKey = await openSlots(image.header.slots, image.header.vaultId, password, stretch);
    if (dataKey === undefined) throw wrong(password);
    Contents.decrypt(image, dataKey).keys[Symbol.dispose]();
    return image;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new BrokerError(error.code, `the backup cannot be used: ${error.message}`, { cause: error });
  }
}
