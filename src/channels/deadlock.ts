/**
 * The report of a deadlock, for development. Go ends a program in which every goroutine waits for another; Node simply
 * ends, without a word, because nothing is left that could wake anybody. With reports switched on, each operation that
 * waits remembers who waits and where. When the process has nothing left to do and the main program (whatever runs
 * outside of any goroutine) still waits, that is a deadlock, and all that wait are listed. As in Go, goroutines that are
 * left waiting when the main program has ended are none.
 *
 * Remembering costs a stack trace an operation that waits (some microseconds).
 */
import { AsyncLabel, examineAtIdle, isDevelopment } from "../platform/index.ts";
import type { Context } from "./context.ts";

/** Something that waits, and can be asked whether it still does. */
export interface Waiting {
  readonly isWaiting: boolean;
}

/** Who waits: a goroutine, or (undefined) the main program. */
interface Identity {
  readonly number: number;
  readonly name: string;
  readonly startedBy: Identity | undefined;
  readonly startedAt: string;
}

interface Note {
  readonly waiting: Waiting;
  readonly who: Identity | undefined;
  readonly operation: string;
  readonly where: string;
}

/** Beyond these the oldest are forgotten: a report that nobody could read to its end anyway. */
const notesMax = 100_000;

/** Neither the library's own code nor Node's is where a program waits. */
const ownFolder: string = new URL(".", import.meta.url).pathname;

class Tracker {
  readonly #label = new AsyncLabel<Identity>();
  readonly #identities = new WeakMap<object, Identity>();
  #notes = new Set<Note>();
  #sweepAt = 1_000;
  /** As in Go, the main program is number 1. */
  #lastNumber = 1;

  register(task: object, name: string): void {
    const identity = { number: ++this.#lastNumber, name, startedBy: this.#label.current, startedAt: callers() };
    this.#identities.set(task, identity);
  }

  run<R>(task: object, body: () => R): R {
    const identity = this.#identities.get(task);
    return identity === undefined ? body() : this.#label.run(identity, body);
  }

  note(waiting: Waiting, operation: string): void {
    if (this.#notes.size >= this.#sweepAt) this.#sweep();
    this.#notes.add({ waiting, who: this.#label.current, operation, where: callers() });
  }

  noteAwaited(task: Waiting): void {
    const identity = this.#identities.get(task);
    if (identity !== undefined && task.isWaiting) this.note(task, `waiting for ${title(identity)}`);
  }

  /** One paragraph for each operation that waits, the main program's first. */
  describe(): { readonly text: string; readonly isMainWaiting: boolean } | undefined {
    this.#sweep();
    const notes = [...this.#notes].sort((left, right) => (left.who?.number ?? 1) - (right.who?.number ?? 1));
    if (notes.length === 0) return undefined;
    const paragraphs = notes.map(({ who, operation, where }) => {
      const started = who === undefined ? "" : `\n  started by ${title(who.startedBy)}:\n${who.startedAt}`;
      return `${title(who)} [${operation}]:\n${where}${started}`;
    });
    const text = `all goroutines are asleep - deadlock!\n\n${paragraphs.join("\n\n")}\n`;
    return { text, isMainWaiting: notes.some(({ who }) => who === undefined) };
  }

  #sweep(): void {
    this.#notes = new Set([...this.#notes].filter(({ waiting }) => waiting.isWaiting).slice(-notesMax));
    this.#sweepAt = Math.max(1_000, 2 * this.#notes.size);
  }
}

function title(identity: Identity | undefined): string {
  if (identity === undefined) return "goroutine 1 (main)";
  return identity.name === "" ? `goroutine ${identity.number}` : `goroutine ${identity.number} "${identity.name}"`;
}

/** The stack above this library. */
function callers(): string {
  const frames = (new Error().stack ?? "").split("\n").slice(1);
  const isOwn = (frame: string): boolean => frame.includes(ownFolder) && !frame.includes(".test.");
  return frames.filter((frame) => !isOwn(frame) && !/[( ]node:/.test(frame)).join("\n");
}

let tracker: Tracker | undefined;
let isExamined = false;

/**
 * Switches the report of deadlocks on (or off), for what starts to wait from now on. It is on from the start in a process
 * with `NODE_ENV=development`.
 */
export function reportDeadlocks(isOn = true): void {
  tracker = isOn ? (tracker ?? new Tracker()) : undefined;
  if (!isOn || isExamined) return;
  isExamined = true;
  examineAtIdle(() => {
    const found = tracker?.describe();
    return found?.isMainWaiting === true ? found.text : undefined;
  });
}

/** Who waits where at this moment, in the words of a deadlock's report; undefined if nobody does, or reports are off. */
export function describeDeadlock(): string | undefined {
  return tracker?.describe()?.text;
}

if (isDevelopment()) reportDeadlocks();

/** Called by every operation that begins to wait. */
export function noteWaiting(waiting: Waiting, operation: string): void {
  if (tracker !== undefined) tracker.note(waiting, operation);
}

/** Called for every task that is started. */
export function nameGoroutine(task: object, name: string): void {
  if (tracker !== undefined) tracker.register(task, name);
}

/** Called when somebody awaits a task. */
export function noteAwaited(task: Waiting): void {
  if (tracker !== undefined) tracker.noteAwaited(task);
}

/** Runs a task's function as that task. */
export function inGoroutine<R>(task: { readonly context: Context }, run: (context: Context) => R): R {
  return tracker === undefined ? run(task.context) : tracker.run(task, () => run(task.context));
}
