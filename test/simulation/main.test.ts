import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
  expect(output).toMatch(/^simulator: \d+ seeds up to \d+, 0 failed, /m);
  expect(output).toMatch(/^ +\d+ an election is won$/m);
});

test("a long run goes on where it ended, and adds up [X-10]", () => {
  const stateFile = join(mkdtempSync(join(tmpdir(), "coterie-simulator-")), "state.json");
  const flags = ["--seeds", "2", "--until", "800", "--state", stateFile];
  expect(run(...flags, "--from", "31").output).toMatch(/^simulator: 2 seeds up to 32, 0 failed, /m);
  expect(run(...flags).output).toMatch(/^simulator: 4 seeds up to 34, 0 failed, /m);
  rmSync(dirname(stateFile), { recursive: true });
});

test("a run can be played with a few of its faults [X-7]", () => {
  const { output } = run("--seed", "2", "--faults", "1,3", "--trace", "--until", "1");
  expect(output.match(/^fault \d+, /gm)).toHaveLength(2);
  expect(run("--seed", "2", "--until", "1500", "--shrink").output).toContain("seed 2 does not fail.");
});

test.for([["--seed", "x"], ["--nonsense"], ["--seconds", "-1"], ["--shrink"], ["--seed", "1", "--commit", "nonsense"]])(
  "%s is refused in a line",
  (flags) => {
    const { errors, status } = run(...flags);
    expect(status).toBe(2);
    expect(errors).toMatch(/Try --help\.|no commit nonsense/);
    expect(errors).not.toContain("    at ");
  },
);

test("a timer that is not the simulator's fails the run [X-1]", () => {
  // It stays until the program is done.
  const timer =
    "data:text/javascript,const t = setInterval(() => process.exitCode === undefined || clearInterval(t), 20)";
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--import", timer, main, "--seed", "3", "--until", "300", "--faults", "none"],
    { encoding: "utf8" },
  );
  expect(status).toBe(1);
  expect(stdout).toContain("the run reached into the real world [X-1]: Timeout");
});

test("--help shows what there is", () => {
  const { output, status } = run("--help");
  expect(status).toBe(0);
  expect(output).toContain("--trace");
});
