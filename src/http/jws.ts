import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { BrokerError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

/** What a token may be signed with (RFC 7518 §3.1). */
export type JwsAlgorithm = 'ES256' | 'RS256';

/**
 * A JSON Web Token in its compact form (RFC 7519, RFC 7515 §3.1).
 * @param key PEM: PKCS #8, SEC 1 or PKCS #1.
 * @param field name of the key's field, for the error.
 * @throws BrokerError `invalid_argument` when the key cannot be used for this.
 */
export function signedJwt(algorithm: JwsAlgorithm, header: object, claims: object, key: Secret, field: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const message = `${part({ alg: algorithm, typ: 'JWT', ...header })}.${part(claims)}`;
  const object = signingKey(algorithm, key, field);
  // ECDSA signatures are the two numbers side by side here, not the DER of X.509 (RFC 7518 §3.4).
  const signature = sign('sha256', Buffer.from(message), { key: object, dsaEncoding: 'ieee-p1363' });
  return `${message}.${signature.toString('base64url')}`;
}

/** @throws BrokerError `invalid_argument` naming the field, and nothing of the key. */
export function signingKey(algorithm: JwsAlgorithm, key: Secret, field: string): KeyObject {
  const problem = keyProblem(algorithm, key);
  if (typeof problem !== 'string') return problem;
  throw new BrokerError('invalid_argument', `${field} ${problem}`, { hop: 'config' });
}

/** The key, or what is wrong with it as the end of a sentence. */
export function keyProblem(algorithm: JwsAlgorithm, key: Secret): KeyObject | string {
  let object: KeyObject;
  try {
    object = key.use((pem) => createPrivateKey(pem));
  } catch {
    // The library's own message may quote the key.
    return 'is not a private key in PEM form';
  }
  if (algorithm === 'RS256') return object.asymmetricKeyType === 'rsa' ? object : 'is no RSA key, which RS256 needs';
  const isP256 = object.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? object : 'is no P-256 key, which ES256 needs';
}
