/** Resolves when `work` does, and after `ms` milliseconds in any case. @throws what `work` is rejected with until then. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let stop = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref();
    stop = () => clearTimeout(timer);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    stop();
  }
}
