import { BlobReader } from './blob.ts';

/** Certificate types (PROTOCOL.certkeys), the plain type below each, and how many fields its public key has. */
const TYPES: Readonly<Record<string, { readonly plain: string; readonly fields: number }>> = {
  'ssh-ed25519-cert-v01@openssh.com': { plain: 'ssh-ed25519', fields: 1 },
  'ecdsa-sha2-nistp256-cert-v01@openssh.com': { plain: 'ecdsa-sha2-nistp256', fields: 2 },
  'ecdsa-sha2-nistp384-cert-v01@openssh.com': { plain: 'ecdsa-sha2-nistp384', fields: 2 },
  'ecdsa-sha2-nistp521-cert-v01@openssh.com': { plain: 'ecdsa-sha2-nistp521', fields: 2 },
  'ssh-rsa-cert-v01@openssh.com': { plain: 'ssh-rsa', fields: 2 },
};
const USER_CERTIFICATE = 1;

/** Thrown for text that is no user certificate; the message follows the field's name. */
export class CertificateProblem extends Error {}

export interface Certificate {
  readonly blob: Buffer;
  /** `ssh-ed25519-cert-v01@openssh.com` */
  readonly type: string;
  /** `ssh-ed25519` */
  readonly plainType: string;
  /** The public key it is about, as a plain public key blob has its fields. */
  readonly publicKey: readonly Buffer[];
}

/**
 * The line of a `-cert.pub` file. Its layout (PROTOCOL.certkeys): string type, string nonce, the key's fields, uint64
 * serial, uint32 role, string key id, string principals, uint64 valid after, uint64 valid before, and more.
 * @throws CertificateProblem
 */
export function parseCertificate(text: string): Certificate {
  const [type = '', data = ''] = text.trim().split(/[ \t]+/);
  const known = TYPES[type];
  if (!known)
    throw new CertificateProblem(
      'is not the line of an OpenSSH certificate (ssh-ed25519-cert-v01@openssh.com AAAA...)',
    );
  const blob = Buffer.from(data, 'base64');
  try {
    const reader = new BlobReader(blob);
    if (reader.text() !== type) throw new CertificateProblem('is damaged: its type is another inside');
    reader.string();
    const publicKey = Array.from({ length: known.fields }, () => reader.string());
    reader.skip(8);
    if (reader.uint32() !== USER_CERTIFICATE) throw new CertificateProblem('is a host certificate, not a user’s');
    return { blob, type, plainType: known.plain, publicKey };
  } catch (error) {
    if (error instanceof RangeError) throw new CertificateProblem('is damaged');
    throw error;
  }
}

/** True when the certificate is about the key of this plain public key blob. */
export function isAbout(certificate: Certificate, publicBlob: Buffer): boolean {
  try {
    const reader = new BlobReader(publicBlob);
    if (reader.text() !== certificate.plainType) return false;
    return certificate.publicKey.every((field) => field.equals(reader.string())) && reader.left === 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
