/** What the tests of parallel() run in other threads. */
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { closed, receiving, sleep as rest, select, sending } from "coterie/channels";

export const notAFunction = 1;

export function add(left, right) {
  return left + right;
}

export function thread() {
  return threadId;
}

export function fail(kind) {
  if (kind === "range") throw new RangeError("out of range", { cause: new Error("because") });
  if (kind === "code") throw Object.assign(new Error("no such thing"), { name: "OddError", code: "ODD" });
  if (kind === "uncloneable") return () => {};
  throw kind;
}

export function crash(how) {
  if (how === "exit") process.exit(7);
  if (how === "throw") {
    setImmediate(() => {
      throw new TypeError("outside of any call");
    });
  }
  return new Promise(() => {});
}

/** Says how many bytes it was given, and gives them back. */
export function weigh(bytes) {
  return { byteLength: bytes.byteLength, bytes };
}

export async function untilCancelled(context) {
  await context.done();
  throw context.error;
}

export function computeForEver() {
  for (;;);
}

/** All values of `numbers`, doubled, into `doubled`. */
export async function double(numbers, doubled) {
  for await (const value of numbers) await doubled.send(2 * value);
}

/** Receives `count` values. */
export async function take(numbers, count) {
  const taken = [];
  while (taken.length < count) taken.push(await numbers.receive());
  return taken;
}

/** Counts up until somebody stops it, and says how far it came. */
export async function count(numbers, context) {
  let next = 0;
  try {
    for (;;) await numbers.send(next++, context);
  } catch (error) {
    return { sent: next - 1, code: error.code };
  }
}

export async function sendThenClose(numbers, values) {
  for (const value of values) await numbers.send(value);
  numbers.close();
}

/** As much as comes from either, each from its own. */
export async function tally(left, right, results) {
  const counts = [0, 0];
  let open = [left, right];
  while (open.some((each) => each !== null)) {
    await select(
      open.map((each, at) =>
        receiving(each, (value) => {
          if (value === closed) open = open.map((one, place) => (place === at ? null : one));
          else counts[at]++;
        }),
      ),
    );
  }
  await select([sending(results, counts, () => {})]);
}

export async function slowly(value) {
  await sleep(5);
  return value;
}

export async function failingReceive(numbers) {
  try {
    for (;;) if ((await numbers.receive()) === closed) return "closed";
  } catch (error) {
    return error.message;
  }
}

/** By the clock of its context. */
export async function restFor(milliseconds, context) {
  await rest(milliseconds, context);
  return context.runtime.clock.nowMs() > 0;
}

let callCount = 0;

/** Each thread counts for itself. */
export function countCalls() {
  return ++callCount;
}
