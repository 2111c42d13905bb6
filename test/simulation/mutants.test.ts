import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Mutant {
  readonly name: string;
  readonly shows: string;
  readonly file: string;
  readonly line: string;
  readonly replacement: string;
  readonly tests?: readonly string[];
}

const root = join(import.meta.dirname, "../..");

test("thirty and more wrong changes of one line are listed, for the simulator or for tests that they name [X-9]", () => {
  const mutants: readonly Mutant[] = JSON.parse(readFileSync(join(root, "test/simulation/mutants.json"), "utf8"));
  expect(mutants.length).toBeGreaterThanOrEqual(30);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  for (const { file, line, name, replacement, shows, tests = [] } of mutants) {
    expect(shows, name).not.toBe("");
    expect(line.includes("\n") || replacement.includes("\n"), name).toBe(false);
    expect(line, name).not.toBe(replacement);
    // Whether the line still stands there `npm run mutants` says; the file does.
    for (const path of [file, ...tests]) expect(existsSync(join(root, path)), path).toBe(true);
  }
});

/** What vitest tells its workers is not for the one that this starts. */
function runScript(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")));
  return spawnSync(process.execPath, [join(root, "scripts/mutants.mjs"), ...args], { encoding: "utf8", env });
}

test("a wrong change of one line is caught by the tests that it names [X-9]", () => {
  const { status, stdout, stderr } = runScript("--quick", "--only", "second-change-taken");
  expect(stdout, stderr).toMatch(
    /^caught second-change-taken +tests: src\/raft\/membership\.test\.ts\n1 of 1 mutants caught\n$/,
  );
  expect(status).toBe(0);
}, 300_000);

test("what a state file says of a wrong change is not tried again [X-9]", () => {
  const folder = mkdtempSync(join(tmpdir(), "coterie-mutants-test-"));
  try {
    const state = join(folder, "state.json");
    const change = "const hasVotedForIt = replica.vote === from; => const hasVotedForIt = true;";
    const tried = { change: "return false; =>", nextSeed: 31, seedsTried: 30 };
    const caught = { change, nextSeed: 8, seedsTried: 7, caughtBy: "seed 7: two leaders" };
    writeFileSync(state, JSON.stringify({ "vote-for-anyone": caught, "commit-old-term": tried }));
    const names = "vote-for-anyone,commit-old-term";
    const { status, stdout } = runScript("--simulator", "--only", names, "--seeds", "30", "--state", state);
    const [first = "", second, third] = stdout.split("\n");
    expect(first).toMatch(/^MISSED commit-old-term +I-10/);
    expect(second).toMatch(/^caught vote-for-anyone +7 seeds, seed 7: two leaders$/);
    expect(third).toBe("1 of 2 mutants caught");
    expect(status).toBe(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
