import { configSpec, type Parsed } from '../../core/config.ts';
import { choice, integer, list, secret, text } from '../../core/field.ts';
import { describeHttp, httpFields, httpProblems } from '../config.ts';
import { keyProblem, signedJwt } from '../jws.ts';
import type { HttpKind, Injection } from '../kind.ts';
import { needlesOf } from './static.ts';

/** Seconds before its end from which a token is not used any more. */
const MARGIN_S = 60;
/** Seconds for which a token that took a refused one's place is not replaced in turn. */
const REST_S = 30;

const shape = {
  ...httpFields,
  private_key: secret({ doc: 'Private key in PEM form (a .p8 file).', required: true, maxBytes: 65_536 }),
  algorithm: choice(['ES256', 'RS256'], { doc: 'How the token is signed.', default: 'ES256' }),
  key_id: text({ doc: 'Id of the key: kid in the token’s header.', maxLength: 1_024 }),
  issuer: text({ doc: 'iss in the token.', maxLength: 1_024 }),
  subject: text({ doc: 'sub in the token.', maxLength: 1_024 }),
  audience: text({ doc: 'aud in the token: appstoreconnect-v1.', maxLength: 1_024 }),
  claims: list({
    doc: 'Further claims: NAME=VALUE; a value that is JSON (true, 5, ["a"]) is taken as such.',
    maxItems: 100,
  }),
  lifetime: integer({ doc: 'Seconds that a token is good for.', default: 1_200, min: 10, max: 86_400 }),
} as const;

export type JwtConfig = Parsed<typeof shape>;

/** Claims that are fields of their own, or that say when: nobody else may set them. */
const OWN_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'exp'];
const made = new WeakMap<
  JwtConfig,
  { readonly injection: Injection; readonly token: string; readonly replaced: number; readonly until: number }
>();

/** A token signed here, as App Store Connect wants it; used for most of its life. */
export const jwt: HttpKind<JwtConfig> = {
  kind: 'jwt',
  title: 'HTTP with a token signed by a key',
  config: configSpec(shape, (config, isSet, given) => {
    const problems = httpProblems(config, isSet);
    for (const [index, claim] of config.claims.entries())
      if (!/^[^=\s]+=/.test(claim)) problems.push(`claims: entry ${index + 1} is not NAME=VALUE`);
      else if (OWN_CLAIMS.includes(nameOf(claim))) problems.push(`claims must not set ${nameOf(claim)}`);
    const key = given('private_key');
    const fault = key && keyProblem(config.algorithm, key);
    return typeof fault === 'string' ? [...problems, `private_key ${fault}`] : problems;
  }),
  describe: describeHttp,
  refreshable: true,
  inject(config, io) {
    const now = Math.floor(io.now() / 1000);
    const known = made.get(config);
    // Signed anew at most every half minute for servers that refuse it: they would refuse the next as well.
    if (known && now < (io.fresh ? known.replaced + REST_S : known.until)) return known.injection;
    const header = config.key_id === undefined ? {} : { kid: config.key_id };
    const token = signedJwt(config.algorithm, header, claimsOf(config, now), config.private_key, 'private_key');
    const value = `Bearer ${token}`;
    const before = known ? [known.token] : [];
    const injection = {
      headers: ['Authorization', value],
      needles: needlesOf([config.private_key], [value, token, ...before]),
    };
    made.set(config, {
      injection,
      token,
      replaced: io.fresh ? now : 0,
      until: now + config.lifetime - Math.min(MARGIN_S, config.lifetime / 10),
    });
    return injection;
  },
};

function claimsOf({ issuer, subject, audience, claims, lifetime }: JwtConfig, now: number): Record<string, unknown> {
  return {
    ...Object.fromEntries(claims.map((claim) => [nameOf(claim), parsed(claim)])),
    ...(issuer !== undefined && { iss: issuer }),
    ...(subject !== undefined && { sub: subject }),
    ...(audience !== undefined && { aud: audience }),
    iat: now,
    exp: now + lifetime,
  };
}

function nameOf(claim: string): string {
  return claim.slice(0, claim.indexOf('='));
}

function parsed(claim: string): unknown {
  const text = claim.slice(claim.indexOf('=') + 1);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
