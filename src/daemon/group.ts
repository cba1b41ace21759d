import { readFileSync } from 'node:fs';
import { BrokerError } from '../core/errors.ts';

/** The number of a group given by name or number. @throws BrokerError `invalid_argument` when there is none. */
export function groupId(group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const row = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === group);
  const gid = Number(row?.[2]);
  if (!row || !Number.isInteger(gid))
    throw new BrokerError('invalid_argument', `--socket-group: there is no group ${group}`);
  return gid;
}
