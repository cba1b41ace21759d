import { choice, integer, secret, text } from './field.ts';

/** Fields that kinds of servers share, so that each has one spelling, one bound and one sentence in the docs. */

const NAME_OR_ADDRESS = /^([^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/;
const NAME_ADDRESS_OR_PATH = /^(\/[^\0]*|[^\s/@?#:]+|\[?[0-9A-Fa-f:.]+(%[\w.-]+)?\]?)$/;

export const hostField = text({
  doc: 'Name or address of the server.',
  required: true,
  redirects: true,
  maxLength: 255,
  pattern: NAME_OR_ADDRESS,
  says: 'a name or an address, without a port, a path or spaces',
});

/** @param what the path is: `the folder of its unix socket`. */
export function hostOrPathField(what: string) {
  return text({
    doc: `Name or address of the server, or ${what} (starts with /).`,
    required: true,
    redirects: true,
    maxLength: 255,
    pattern: NAME_ADDRESS_OR_PATH,
    says: 'a name or an address, without a port or spaces, or a path that starts with /',
  });
}

/** How the server is known; every kind that speaks TLS has these. */
export const trustFields = {
  ca: text({
    doc: 'PEM of the CA that signed the server’s certificate; the system’s CAs by default.',
    multiline: true,
    redirects: true,
  }),
  server_name: text({
    doc: 'Name to look for in the certificate, where it is not the host.',
    redirects: true,
    maxLength: 255,
  }),
} as const;

/** A client certificate. */
export const certificateFields = {
  cert: text({ doc: 'PEM of a client certificate, with its chain.', multiline: true }),
  key: secret({ doc: 'PEM of the client certificate’s key.', maxBytes: 65_536 }),
} as const;

/** Sentences for the half of a pair that is missing. */
export function certificateProblems(cert: string | undefined, isSet: (secret: string) => boolean): string[] {
  if (cert !== undefined && !isSet('key')) return ['key is required where cert is given'];
  if (cert === undefined && isSet('key')) return ['cert is required where key is given'];
  return [];
}

/** @param refused well-known spellings of elsewhere and why they are refused. */
export function verifyField<const O extends { doc: string; default?: 'verify-full' }>(
  options: O & { refused: Readonly<Record<string, string>> },
) {
  const refused = {
    ...options.refused,
    verify_full: 'it is spelled verify-full',
    verify_ca: 'it is spelled verify-ca',
  };
  return choice(['verify-full', 'verify-ca', 'require', 'disable'], {
    ...options,
    redirects: true,
    refused: { ...refused, 'no-verify': 'encryption without a check of the certificate is called require here' },
  });
}

/** @param spares how many, where the service does not say (MECHANISMS §2). */
export function sparesField(spares: number) {
  return integer({
    doc: 'Connections kept logged in, ready for the next session; 0 for none.',
    default: spares,
    min: 0,
    max: 20,
  });
}

export const viaField = text({ doc: 'Name of the ssh service to dial through.', redirects: true, maxLength: 255 });

/** A sentence for a unix socket, a file of this machine, that is to be reached through another one. */
export function viaProblems(config: { readonly host: string; readonly via?: string | undefined }): string[] {
  return config.via !== undefined && isUnix(config.host)
    ? ['via has no meaning for a unix socket, which is a file of this machine']
    : [];
}

/** Whether `host` is the path of a unix socket. */
export function isUnix(host: string): boolean {
  return host.startsWith('/');
}

/** The name that the server's certificate must have. */
export function serverNameOf(config: { readonly host: string; readonly server_name?: string | undefined }): string {
  return config.server_name ?? config.host.replace(/^\[(.*)\]$/, '$1');
}
