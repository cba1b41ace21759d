const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;

/**
 * Keeps other processes of the same user from reading this one's memory and environment through /proc, and the kernel
 * from writing it to a core file (prctl(2) PR_SET_DUMPABLE, setrlimit(2) RLIMIT_CORE).
 * @returns what could not be done, in sentences; empty when all is well.
 */
export async function harden(): Promise<string[]> {
  if (process.platform !== 'linux')
    return ['memory of the daemon can be read by processes of the same user (not Linux)'];
  try {
    const { default: koffi } = await import('koffi');
    // The process itself: finds the libc it runs on, glibc or musl.
    const libc = koffi.load(null);
    const prctl = libc.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');
    const setrlimit = libc.func('int setrlimit(int, uint64_t *)');
    const failed: string[] = [];
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0) failed.push('prctl(PR_SET_DUMPABLE) failed');
    if (setrlimit(RLIMIT_CORE, [0, 0]) !== 0) failed.push('setrlimit(RLIMIT_CORE) failed');
    return failed;
  } catch {
    return ['koffi is not installed: the memory of the daemon can be read by processes of the same user'];
  }
}
