import type { Driver } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { Channels } from './channels.ts';
import { login } from './client.ts';
import { describe, type SshConfig, sshConfig } from './config.ts';
import { hint, type SshFacts } from './hint.ts';
import { identityFrom, identityOf } from './identity.ts';
import { greet, type SshVisitor } from './local.ts';
import { readPolicy } from './policy.ts';
import { SshTrunk } from './trunk.ts';
import { trust } from './trust.ts';
import { SshUpstream } from './upstream.ts';

/** SSH servers: commands, files and forwarding, as far as the service's policy allows. */
export const ssh: Driver<SshConfig, SshFacts, SshVisitor, never> = {
  kind: 'ssh',
  title: 'SSH',
  config: sshConfig,
  socketName: 'ssh.sock',
  // The connections that are shared stay for a while by themselves.
  spares: () => 0,
  describe,
  carries: true,
  trunks: {
    // OpenSSH's MaxSessions is 10, and says nothing about forwarded connections.
    room: { session: 10, stream: 100 },
    open: async (config, io, signal) => new SshTrunk(await login(config, io, signal)),
  },
  async open(config, _params, io, signal) {
    const policy = readPolicy(config);
    const { berths } = io;
    if (!berths) throw new BrokerError('internal', 'there are no shared connections');
    const seed = io.random(32);
    const identity = identityOf(seed);
    seed.fill(0);
    return new SshUpstream(new Channels(berths, await berths.reserve('session', signal)), { identity }, policy);
  },
  greet: (conn, facts, door, signal) =>
    greet(conn, door.localKey ? identityFrom(door.localKey()) : facts.identity, door, signal),
  trust,
  hint,
};
