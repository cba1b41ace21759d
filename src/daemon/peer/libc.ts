/** The few calls that Node does not offer. Present where koffi (an optional dependency) loads. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  send(fd: number, bytes: Buffer, length: number, flags: number): number;
  recv(fd: number, into: Buffer, length: number, flags: number): number;
  close(fd: number): number;
  getsockopt(fd: number, level: number, name: number, into: Buffer, length: [number]): number;
}

/** @returns undefined when koffi is not installed or does not run here; `doctor` says what is weaker then. */
export async function loadLibc(): Promise<Libc | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    // The process itself: finds the libc it runs on, glibc or musl.
    const library = koffi.load(null);
    return {
      socket: library.func('int socket(int, int, int)'),
      send: library.func('intptr_t send(int, const uint8_t *, size_t, int)'),
      recv: library.func('intptr_t recv(int, _Out_ uint8_t *, size_t, int)'),
      close: library.func('int close(int)'),
      getsockopt: library.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)'),
    };
  } catch {
    return undefined;
  }
}
