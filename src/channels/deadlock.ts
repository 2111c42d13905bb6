/**
 * The report of a deadlock, for development. Go ends a program in which every goroutine waits for another; Node simply
 * ends, without a word, because nothing is left that could wake anybody. With reports switched on, each operation that
 * waits remembers where it was called, and `describeDeadlock` tells who waits where.
 *
 * Remembering costs a stack trace an operation (some microseconds), which is why it has to be asked for.
 */

/** Whether a waiter still waits: it stands in a queue, or it does not. */
interface Waiting {
  readonly queue: unknown;
}

interface Note {
  readonly waiter: WeakRef<Waiting>;
  readonly operation: string;
  readonly stack: string;
}

let notes: Set<Note> | undefined;

/** Switches the remembering on or off; what waits already is not known. */
export function trackWaiting(isOn: boolean): void {
  notes = isOn ? (notes ?? new Set()) : undefined;
}

/** Called by every operation that begins to wait. */
export function noteWaiting(waiter: Waiting, operation: string): void {
  if (notes === undefined) return;
  if (notes.size >= 10_000) forgetFinished(notes);
  const stack = (new Error().stack ?? "").split("\n").slice(3).join("\n");
  notes.add({ waiter: new WeakRef(waiter), operation, stack });
}

/** One paragraph for each operation that waits, or undefined if none does. */
export function describeDeadlock(): string | undefined {
  if (notes === undefined) return undefined;
  forgetFinished(notes);
  if (notes.size === 0) return undefined;
  const paragraphs = [...notes].map(({ operation, stack }, at) => `goroutine ${at + 1} [${operation}]:\n${stack}`);
  return `all goroutines are asleep - deadlock!\n\n${paragraphs.join("\n\n")}\n`;
}

function forgetFinished(all: Set<Note>): void {
  for (const note of all) {
    const waiter = note.waiter.deref();
    if (waiter?.queue === undefined) all.delete(note);
  }
}
