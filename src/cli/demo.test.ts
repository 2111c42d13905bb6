import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ShiftedClock } from "../../test/server/shifted-clock.ts";
import { createNodePlatform } from "../platform/index.ts";
import { runDemo } from "./demo.ts";
import { StopSignals } from "./stop-signals.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Says that it runs, and hears nothing: neither its demo nor a signal. */
const deafNode = `
process.on("SIGTERM", () => {});
require("node:fs").writeFileSync(process.argv[1] + "." + process.pid, "");
setInterval(() => {}, 1_000);`;

test("a demo whose nodes do not stop kills them after 4 s, and ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "coterie-test-"));
  folders.push(folder);
  const binary = join(folder, "node.cjs");
  writeFileSync(binary, deafNode);
  const platform = createNodePlatform();
  const clock = new ShiftedClock(platform.clock);
  const signals = new StopSignals(() => clock.nowMs());
  const lines: string[] = [];
  const running = runDemo(
    {
      platform: { ...platform, clock },
      environment: process.env,
      binary,
      command: "coterie",
      signals,
      print: (line) => lines.push(line),
    },
    {
      nodeCount: 3,
      shards: undefined,
      port: 0,
      clusterPort: undefined,
      httpPort: undefined,
      peerPort: undefined,
      directory: undefined,
      isMemory: true,
      isJson: true,
      logLevel: "warn",
      password: undefined,
    },
  );
  let isOver = false;
  void running.then(() => {
    isOver = true;
  });
  const pids = await started(folder);
  signals.request("signal");
  await turns(20);
  clock.advance(3_900);
  await turns(20);
  expect([isOver, pids.every(isAlive)]).toEqual([false, true]);
  clock.advance(100);
  await running;
  expect(pids.some(isAlive)).toBe(false);
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(["stopped"]);
});

/** Waits until all three run, and gives their process ids. */
async function started(folder: string): Promise<readonly number[]> {
  for (;;) {
    const pids = readdirSync(folder).flatMap((name) => /^node\.cjs\.(\d+)$/.exec(name)?.[1] ?? []);
    if (pids.length === 3) return pids.map(Number);
    await turns(1);
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
