/**
 * One measurement in a process of its own. Arguments: contender, work, milliseconds of CPU time to warm up, milliseconds to
 * measure. Prints one line of JSON.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { coterie } from "./coterie.ts";
import { plainNode } from "./plain-node.ts";
import { shapes, type WorkName, type Works } from "./work.ts";

const [contender, asked, warmUpCpuMs, measureMs] = process.argv.slice(2) as [string, WorkName, string, string];
const contenders: Readonly<Record<string, Works>> = { coterie, plain: plainNode };

const running = await contenders[contender]![asked](shapes[asked]);
// By CPU time, not by the clock: on a busy machine too what is measured is compiled code.
while (cpuMs() < Number(warmUpCpuMs)) await sleep(10);
const before = [...running.counts];
const cpuBefore = process.cpuUsage();
const startMs = performance.now();
await sleep(Number(measureMs));
const elapsedMs = performance.now() - startMs;
const cpu = process.cpuUsage(cpuBefore);
const counts = running.counts.map((count, at) => count - before[at]!);
await running.stop();
// A client that stands still has lost its message: then the figure means nothing.
if (Math.min(...counts) === 0) throw new Error("a client waits for a message that never comes back");
const operations = counts.reduce((sum, count) => sum + count, 0);
process.stdout.write(
  `${JSON.stringify({
    operationsPerSecond: (operations * 1_000) / elapsedMs,
    cpuUsPerOperation: (cpu.user + cpu.system) / operations,
  })}\n`,
);

/** Of this process, since it began. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
