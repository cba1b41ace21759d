/** Commands that are not for people: no help, completion or advice names them. */

/** What `broker KIND NAME` becomes for a kind that only the daemon knows. */
export const OPEN_KIND = 'open-kind';
/** Holds a session of a daemon on another machine, in the background (remote.ts). */
export const HOLD = 'hold-session';

export const HIDDEN: readonly string[] = [OPEN_KIND, HOLD];
