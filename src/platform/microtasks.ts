/** Real events (signals, a terminal) get their turn once in this many calls. */
const callsPerBreath = 4096;
let callCount = 0;
/** Its continuations are microtasks, without what `queueMicrotask` adds for those who follow asynchronous work. */
const settled: Promise<void> = Promise.resolve();

/**
 * Calls `callback` once every promise continuation that is ready, and every one that these make ready, has run. This
 * is how the simulator keeps its events apart: nothing that one of them set off is left when the next begins. It is a
 * tick that is asked for by a microtask, since Node empties the microtasks before it goes on with the ticks.
 */
export function afterMicrotasks(callback: () => void): void {
  if (++callCount % callsPerBreath === 0) setImmediate(callback);
  else void settled.then(() => process.nextTick(callback));
}
