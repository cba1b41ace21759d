/** `broker daemon`: in the foreground, until it is told to stop. */
export async function daemon(options: Record<string, string | undefined>): Promise<number> {
  const flags = Object.fromEntries(Object.entries(options).map(([name, value]) => [kebab(name), value]));
  // Resolved at run time: the bundle of the command line must not swallow the daemon and its libraries.
  const { runDaemon } = await import(new URL('../../daemon/main.js', import.meta.url).href);
  await runDaemon(flags);
  return 0;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
