/**
 * Starts goroutines that wait at one channel, each with its task, its context and the means to cancel it, and prints what
 * that took. Argument: how many. Run with `--expose-gc`.
 */
import { readFileSync } from "node:fs";
import { background, Channel, type Context, go, type Task } from "coterie/channels";

const count = Number(process.argv[2]);

function residentBytes(): number {
  return Number(readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096;
}

globalThis.gc?.();
const before = residentBytes();
const [context, cancel] = background().withCancel();
const cpuBefore = process.cpuUsage();
const startMs = performance.now();
const gate = new Channel<number>();
const tasks: Task<unknown>[] = [];
const wait = async (own: Context): Promise<void> => {
  await gate.receive(own);
};
for (let each = 0; each < count; each++) tasks.push(go(wait, context));
while (gate.waiting.receivers < count) await undefined;
const elapsedMs = performance.now() - startMs;
const cpu = process.cpuUsage(cpuBefore);
// What lies in the heap as garbage belongs to the collector's plan, not to a goroutine. The second collection gives the
// pages back that the first one has emptied.
globalThis.gc?.();
globalThis.gc?.();
const bytes = residentBytes() - before;

// They can all be cancelled: the figure is of goroutines that are whole.
cancel();
for (const task of tasks) await task.settled();
if (gate.waiting.receivers !== 0) throw new Error("a cancelled goroutine still waits");
process.stdout.write(
  `${JSON.stringify({ startMs: elapsedMs, cpuMs: (cpu.user + cpu.system) / 1e3, bytesPerTask: bytes / count })}\n`,
);
