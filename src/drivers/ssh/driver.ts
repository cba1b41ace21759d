import type { Driver, DriverIo } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import { Channels } from './channels.ts';
import { login } from './client.ts';
import { describe, type SshConfig, sshConfig } from './config.ts';
import { hint, type SshFacts } from './hint.ts';
import { type Identity, identityFrom, identityOf } from './identity.ts';
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
    return new SshUpstream(new Channels(berths, await berths.reserve('session', signal)), factsOf(io.random), policy);
  },
  greet: (conn, facts, door, signal) =>
    greet(conn, door.localKey ? identityFrom(door.localKey()) : facts.identity, door, signal),
  trust,
  hint,
};

/** The key of the local side is made when somebody asks for it: broker itself never does. */
function factsOf(random: DriverIo['random']): SshFacts {
  let made: Identity | undefined;
  return {
    get identity() {
      if (!made) {
        const seed = random(32);
        made = identityOf(seed);
        seed.fill(0);
      }
      return made;
    },
  };
}
