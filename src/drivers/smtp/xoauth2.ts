import XOAuth2 from 'nodemailer/lib/xoauth2';
import type { Secret } from '../../core/secret.ts';

/**
 * The one message of XOAUTH2, as nodemailer writes it for the providers that have it (Google, Microsoft, Yandex). Loaded
 * when a service logs in so: nodemailer costs 7 MB.
 */
export function xoauth2Message(user: string, token: Secret): Buffer {
  const text = token.use((bytes) => bytes.toString('latin1'));
  return Buffer.from(new XOAuth2({ user }).buildXOAuth2Token(text), 'base64');
}
