import { afterEach, expect, test } from "vitest";
import { runChaos, showPlantedFaults } from "../chaos/chaos.ts";
import { cleanUp } from "../cli/processes.ts";

afterEach(cleanUp);

test("the checkers find a stale read, a lost write, and what lying disks have lost [T-4]", async () => {
  expect(await showPlantedFaults()).toEqual([]);
}, 120_000);

test("a real cluster keeps its promises under kills, pauses, cuts and failing disks [T-1, T-2]", async () => {
  const lines: string[] = [];
  const report = (line: string): number => lines.push(line);
  // A short run, the same faults every time; the long one is npm run chaos.
  const result = await runChaos({ seed: 1, nodeCount: 3, durationMs: 60_000, report });
  expect(result.complaints, lines.join("\n")).toEqual([]);
  expect(result.operationCount).toBeGreaterThan(100);
  expect(result.acknowledgedCount).toBeGreaterThan(100);
}, 240_000);
