import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Suite } from "../suite.ts";
import { repositoryRoot } from "../systems/coterie.ts";

const readyMsMax = 100;
const startCount = 15;
const demoCount = 5;
const command = join(repositoryRoot, "bin", "coterie");

/** One process that starts an embedded store: milliseconds from its first line on. */
interface EmbeddedStart {
  readonly importMs: number;
  readonly readyMs: number;
}

/** A process of its own for each start: the second one in a process finds all code compiled. */
const program = `
  const begunMs = performance.now();
  const { Coterie } = await import("coterie");
  const importedMs = performance.now();
  const store = await Coterie.start(JSON.parse(process.argv[1]));
  const readyMs = performance.now();
  await store.close();
  console.log(JSON.stringify({ importMs: importedMs - begunMs, readyMs: readyMs - importedMs }));`;

export const startSuite: Suite = {
  name: "start",
  summary: "how long an empty embedded store takes until it is ready, and a demo until it serves",
  run: async (bench) => {
    const onDisk: EmbeddedStart[] = [];
    const inMemory: EmbeddedStart[] = [];
    for (let count = 1; count <= startCount; count++) {
      bench.progress(`start: embedded, ${count} of ${startCount}`);
      const dir = mkdtempSync(join(bench.premises.directory, "start-"));
      onDisk.push(startEmbedded({ dir }));
      rmSync(dir, { recursive: true });
      inMemory.push(startEmbedded({ memory: true }));
    }
    const demoMs: number[] = [];
    for (let count = 1; count <= demoCount; count++) {
      bench.progress(`start: demo, ${count} of ${demoCount}`);
      demoMs.push(await startDemo());
    }
    return report(onDisk, inMemory, demoMs);
  },
};

function startEmbedded(options: { readonly dir: string } | { readonly memory: true }): EmbeddedStart {
  const words = ["--input-type=module", "-e", program, JSON.stringify(options)];
  const { stdout, stderr, status } = spawnSync(process.execPath, words, { cwd: repositoryRoot, encoding: "utf8" });
  if (status !== 0) throw new Error(`a store did not start: ${stderr.slice(-500)}`);
  return JSON.parse(stdout) as EmbeddedStart;
}

/** From the command to its table: three nodes serve and one of them leads. */
async function startDemo(): Promise<number> {
  const begunMs = performance.now();
  const demo = spawn(process.execPath, [command, "demo", "--json", "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<void>((resolve) => demo.once("close", () => resolve()));
  const readyMs = await Promise.race([
    new Promise<number>((resolve) => demo.stdout.once("data", () => resolve(performance.now() - begunMs))),
    ended.then(() => undefined),
  ]);
  demo.kill("SIGTERM");
  await ended;
  if (readyMs === undefined) throw new Error("a demo did not start");
  return readyMs;
}

function report(
  onDisk: readonly EmbeddedStart[],
  inMemory: readonly EmbeddedStart[],
  demoMs: readonly number[],
): SuiteReport {
  const readyMs = median(onDisk.map((start) => start.readyMs));
  const gate: Gate = {
    name: "embedded store, empty, on disk",
    against: "-",
    measure: "time until it is ready",
    promise: `< ${readyMsMax} ms`,
    measured: readyMs,
    shown: `${figure(readyMs)} ms`,
    verdict: readyMs < readyMsMax ? "pass" : "MISS",
    beside: `longest of ${onDisk.length}: ${figure(Math.max(...onDisk.map((start) => start.readyMs)))} ms`,
  };
  const row = (name: string, starts: readonly EmbeddedStart[]): readonly string[] => [
    name,
    figure(median(starts.map((start) => start.importMs))),
    figure(median(starts.map((start) => start.readyMs))),
  ];
  const table = {
    title: "Starts (ms, medians)",
    columns: ["what", "import", "until ready"],
    rows: [
      row("embedded, on disk", onDisk),
      row("embedded, in memory", inMemory),
      ["coterie demo, three processes", "", figure(median(demoMs))],
    ],
  };
  return { gates: [gate], tables: [table], notes: [], data: { onDisk, inMemory, demoMs } };
}
