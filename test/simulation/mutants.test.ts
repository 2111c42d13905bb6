import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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

test("a wrong change of one line is caught by the tests that it names [X-9]", () => {
  const script = join(root, "scripts/mutants.mjs");
  const args = [script, "--quick", "--only", "second-change-taken"];
  // What vitest tells its workers is not for the one that this starts.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")));
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env });
  expect(stdout, stderr).toMatch(
    /^caught second-change-taken +tests: src\/raft\/membership\.test\.ts\n1 of 1 mutants caught\n$/,
  );
  expect(status).toBe(0);
}, 300_000);
