import { setFlagsFromString } from 'node:v8';

/* What V8 guesses wrong for a daemon. */

/**
 * V8 allocates at once in the old generation what most often gets there from the same place in the code. Such places are
 * shared (Node's lists of listeners): what long connections have many of makes those of short requests old, too, and with
 * them everything that a request has, until the next full collection. Without this a request costs half as much again.
 */
export function tuneHeap(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

let roomy = 0;

/**
 * Lets the heap grow to four times what lives in it before V8 collects all of it, as long as anybody holds this. By itself V8
 * lets it grow by about half, and counts buffers: ours is 20 MB, a big copy has 10 MB of them under way, so that every 25 ms
 * all was marked, by four threads, on the processors that the copy needs. Not for good: idle sessions would look larger by
 * what waits to be collected.
 * @param set what takes V8's flags.
 */
export function roomForBuffers(set: (flag: string) => void = setFlagsFromString): Disposable {
  if (roomy++ === 0) set('--heap-growing-percent=300');
  let held = true;
  return {
    [Symbol.dispose]() {
      if (held && --roomy === 0) set('--heap-growing-percent=0'); // V8's own idea of it
      held = false;
    },
  };
}
