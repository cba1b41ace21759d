import type { SecureContext } from 'node:tls';
import type { Door, SessionNote } from '../../core/driver.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { PeerIdentity } from '../caller.ts';

/** What decides about the clients of one lease. */
export interface DoorRules {
  readonly idleMs: number;
  readonly tls: SecureContext | undefined;
  /** Set: the client must be this user. */
  readonly uid: number | undefined;
  /** Set: the client must present it. */
  readonly ticket: Secret | undefined;
  /** Set: the client knows the local side by it. */
  readonly localKey: (() => Secret) | undefined;
  /** Why nobody may come in any more, if so. */
  readonly closed: () => BrokerError | undefined;
  /** Counts the client in; an error when the lease has served as many as it may. Synchronous: no two pass at once. */
  readonly count: () => BrokerError | undefined;
  /** Resolves when the lease's opening is in the audit log: before that nothing goes upstream. */
  readonly recorded: Promise<void>;
}

/** What became of one client at the door, for the lease. */
export interface DoorWatch {
  admitted(peer: PeerIdentity | undefined): void;
  refused(error: BrokerError, peer: PeerIdentity | undefined): void;
  note(note: SessionNote): Promise<void>;
}

/**
 * The door as one client meets it. Its peer was looked up when it connected, and is awaited here: whoever has left
 * meanwhile, or belongs to somebody else, does not get in and does not use the session up.
 */
export function doorFor(rules: DoorRules, peer: Promise<PeerIdentity | undefined>, watch: DoorWatch): Door {
  const refuse = async (error: BrokerError): Promise<BrokerError> => {
    watch.refused(error, await peer);
    return error;
  };
  const identify = async (): Promise<BrokerError | undefined> => {
    const closed = rules.closed();
    if (closed) return closed;
    if (rules.uid === undefined) return undefined;
    const found = await peer;
    if (!found) return new BrokerError('denied', 'broker cannot tell which user is connecting');
    if (found.uid !== rules.uid) return new BrokerError('denied', 'this session belongs to another user');
    return undefined;
  };
  const count = async (): Promise<BrokerError | undefined> => {
    const full = rules.closed() ?? rules.count();
    if (full) return refuse(full);
    watch.admitted(await peer);
    return undefined;
  };
  return {
    ticketRequired: rules.ticket !== undefined,
    ticket: rules.ticket,
    localKey: rules.localKey,
    tls: rules.tls,
    idleMs: rules.idleMs,
    async admit(presented) {
      const stranger = await identify();
      if (stranger) return refuse(stranger);
      if (rules.ticket && !presented) return refuse(new BrokerError('denied', 'this session asks for its password'));
      if (rules.ticket && presented && !rules.ticket.equals(presented))
        return refuse(new BrokerError('denied', 'that is not the password of this session'));
      const full = await count();
      if (full) return full;
      try {
        await rules.recorded;
      } catch (cause) {
        return refuse(new BrokerError('unavailable', 'the audit log cannot be written', { cause }));
      }
      return rules.closed();
    },
    async admitSelf() {
      const stranger = await identify();
      return stranger ? refuse(stranger) : count();
    },
    recorded: rules.recorded,
    async admitSide() {
      const stranger = await identify();
      return stranger && refuse(stranger);
    },
    note: (note) => watch.note(note),
  };
}
