import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './process.ts';

/** A certificate, as a path for programs that want one and as text for those that want that. */
export interface Pem {
  readonly certFile: string;
  readonly cert: string;
}

export interface KeyPair extends Pem {
  readonly keyFile: string;
  readonly key: string;
}

export interface Certificates {
  /** Signed the servers' and the clients' certificates. */
  readonly ca: KeyPair;
  /** What the servers present: localhost, 127.0.0.1 and ::1. */
  readonly server: KeyPair;
  /** A client certificate for the PostgreSQL role `certuser`. */
  readonly client: KeyPair;
  /** A client certificate of the same CA for a role that does not exist. */
  readonly stranger: KeyPair;
  /** Nobody trusts this one. */
  readonly otherCa: KeyPair;
  /** localhost again, but signed by `otherCa`. */
  readonly other: KeyPair;
  /** Signed by `ca`, for wrong.test only. */
  readonly wrongHost: KeyPair;
}

const LOCALHOST = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth\n';
const WRONG_HOST = 'subjectAltName=DNS:wrong.test\nextendedKeyUsage=serverAuth\n';
const CLIENT = 'extendedKeyUsage=clientAuth\n';
const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes every certificate of a rig in `directory`, P-256, valid for 30 days. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  await mkdir(directory, { recursive: true });
  const [ca] = await Promise.all([authority(directory, 'ca'), authority(directory, 'other-ca')]);
  const otherCa = paths(directory, 'other-ca');
  await Promise.all([
    leaf(directory, 'server', 'localhost', LOCALHOST, ca),
    leaf(directory, 'client', 'certuser', CLIENT, ca),
    leaf(directory, 'stranger', 'nobody', CLIENT, ca),
    leaf(directory, 'other', 'localhost', LOCALHOST, otherCa),
    leaf(directory, 'wrong-host', 'wrong.test', WRONG_HOST, ca),
  ]);
  return readCertificates(directory);
}

/** The certificates in a folder that makeCertificates made. */
export async function readCertificates(directory: string): Promise<Certificates> {
  const [ca, otherCa] = await Promise.all([read(directory, 'ca'), read(directory, 'other-ca')]);
  const [server, client, stranger, other, wrongHost] = await Promise.all([
    read(directory, 'server'),
    read(directory, 'client'),
    read(directory, 'stranger'),
    read(directory, 'other'),
    read(directory, 'wrong-host'),
  ]);
  return { ca, server, client, stranger, otherCa, other, wrongHost };
}

async function authority(directory: string, name: string): Promise<Paths> {
  const pair = paths(directory, name);
  const subject = ['-subj', `/CN=broker rig ${name}`, '-days', '30', '-keyout', pair.keyFile, '-out', pair.certFile];
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  await run('openssl', ['req', '-x509', ...P256, ...subject, ...extensions.flatMap((line) => ['-addext', line])]);
  return pair;
}

async function leaf(directory: string, name: string, subject: string, extensions: string, ca: Paths) {
  const pair = paths(directory, name);
  const request = join(directory, `${name}.csr`);
  const extensionFile = join(directory, `${name}.ext`);
  await writeFile(extensionFile, extensions);
  await run('openssl', ['req', ...P256, '-keyout', pair.keyFile, '-out', request, '-subj', `/CN=${subject}`]);
  const serial = `0x${Buffer.from(name).toString('hex').slice(0, 38)}`; // unlike within one CA, without a shared file
  const signing = ['-CA', ca.certFile, '-CAkey', ca.keyFile, '-set_serial', serial, '-days', '30'];
  await run('openssl', ['x509', '-req', '-in', request, ...signing, '-extfile', extensionFile, '-out', pair.certFile]);
}

type Paths = Pick<KeyPair, 'certFile' | 'keyFile'>;

function paths(directory: string, name: string): Paths {
  return { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

async function read(directory: string, name: string): Promise<KeyPair> {
  const pair = paths(directory, name);
  const [cert, key] = await Promise.all([readFile(pair.certFile, 'utf8'), readFile(pair.keyFile, 'utf8')]);
  return { ...pair, cert, key };
}
