import { Worker } from 'node:worker_threads';
import { BrokerError } from '../../core/errors.ts';
import { SecondThread, type ThreadMode } from '../../http/thread/second.ts';
import type { DaemonSettings } from '../settings.ts';

const MODES: readonly ThreadMode[] = ['auto', 'on', 'off'];

/** @throws BrokerError `invalid_argument`. */
export function threadMode({ 'http-thread': text }: DaemonSettings): ThreadMode {
  const mode = MODES.find((each) => each === text);
  if (!mode) throw new BrokerError('invalid_argument', `--http-thread is auto, on or off, not ${text}`);
  return mode;
}

/**
 * The thread that requests have their connections in, under load.
 * @param underWay how many requests are under way.
 * @param file what runs in it: thread.ts, built.
 */
export function secondThread(
  mode: ThreadMode,
  underWay: () => number,
  report: (error: unknown, doing: string) => void,
  file: URL = new URL('./thread.js', import.meta.url),
): SecondThread {
  return new SecondThread({ mode, underWay, report, start: () => new Worker(file) });
}
