/** Exit codes that no ErrorCode stands for; the others are EXIT_CODE's. */

/** The person pressed Ctrl-C at a prompt: what a shell reports for SIGINT. */
export const CANCELLED = 130;
/** Broker's own failure where it was to run a command, whose own exit codes are passed on. */
export const OWN_FAILURE = 125;
/** A command that is there and cannot be executed, and one that is not there, as a shell says it. */
export const NOT_EXECUTABLE = 126;
export const NO_SUCH_COMMAND = 127;
