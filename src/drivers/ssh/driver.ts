import type { Driver } from '../../core/driver.ts';
import { login } from './client.ts';
import { describe, type SshConfig, sshConfig } from './config.ts';
import { hint, type SshFacts } from './hint.ts';
import { identityOf } from './identity.ts';
import { greet, type SshVisitor } from './local.ts';
import { readPolicy } from './policy.ts';
import { SshUpstream } from './upstream.ts';

/** SSH servers: commands, files and forwarding, as far as the service's policy allows. */
export const ssh: Driver<SshConfig, SshFacts, SshVisitor, never> = {
  kind: 'ssh',
  title: 'SSH',
  config: sshConfig,
  socketName: 'ssh.sock',
  spares: (config) => config.spares,
  describe,
  async open(config, _params, io, signal) {
    const policy = readPolicy(config);
    const seed = io.random(32);
    const identity = identityOf(seed);
    seed.fill(0);
    return new SshUpstream(await login(config, io, signal), { identity }, policy);
  },
  greet: (conn, facts, door, signal) => greet(conn, facts.identity, door, signal),
  hint,
};
