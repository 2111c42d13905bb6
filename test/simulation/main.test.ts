import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const main = join(import.meta.dirname, "../../dist/simulation/main.js");

function run(...flags: readonly string[]): {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
} {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...flags], { encoding: "utf8" });
  return { status, output: stdout, errors: stderr };
}

test("a seed is replayed by a command, event for event [X-7]", () => {
  const flags = ["--seed", "4711", "--until", "3000"];
  const [first, again] = [run(...flags), run(...flags)];
  expect(first.errors).toBe("");
  expect(first.status).toBe(0);
  const hash = /hash [0-9a-f]{16}/;
  expect(first.output).toMatch(hash);
  expect(hash.exec(again.output)?.[0]).toBe(hash.exec(first.output)?.[0]);
});

test("the story of a run is told, one line an event", () => {
  const { output, status } = run("--seed", "1", "--trace", "--until", "3000");
  expect(status).toBe(0);
  expect(output).toMatch(/^ +\d+\.\d{3} n1 +process \d+ starts$/m);
  expect(output).toMatch(/leads term/);
});

test("seeds run one after the other, and are counted", () => {
  const { output, status } = run("--seconds", "1", "--from", "10", "--until", "1000");
  expect(status).toBe(0);
  expect(output).toMatch(/^simulator: \d+ seeds from 10, 0 failed, /m);
});

test.for([["--seed", "x"], ["--nonsense"], ["--seconds", "-1"]])("%s is refused in a line", (flags) => {
  const { errors, status } = run(...flags);
  expect(status).toBe(2);
  expect(errors).toContain("Try --help.");
  expect(errors).not.toContain("    at ");
});

test("--help shows what there is", () => {
  const { output, status } = run("--help");
  expect(status).toBe(0);
  expect(output).toContain("--trace");
});
