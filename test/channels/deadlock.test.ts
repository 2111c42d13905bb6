/** Whole programs, as Node runs them; they use what is built in dist/. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

function run(program: string, environment: Readonly<Record<string, string>>) {
  const { NODE_ENV: _, ...inherited } = process.env;
  const args = ["--input-type=module", "--eval", `import { Channel, go } from "coterie/channels";\n${program}`];
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    env: { ...inherited, ...environment },
  });
  return { status, stderr };
}

const deadlock = `
const channel = new Channel();
go(async function worker() { await channel.send(1); await channel.send(2); });
(async () => { await channel.receive(); await new Channel().receive(); })();
`;

test("in development a program that is deadlocked says so and ends as a Go program does", () => {
  const { status, stderr } = run(deadlock, { NODE_ENV: "development" });
  expect(stderr).toContain("all goroutines are asleep - deadlock!");
  expect(stderr).toContain("goroutine 1 (main) [channel receive]:");
  expect(stderr).toContain('"worker" [channel send]:');
  expect(status).toBe(2);
});

test.for([
  { name: "outside of development", program: deadlock, mode: "production" },
  {
    name: "for goroutines that are left waiting when the main program has ended",
    program: "go(async () => { await new Channel().receive(); });",
    mode: "development",
  },
])("nothing is said $name", ({ program, mode }) => {
  expect(run(program, { NODE_ENV: mode })).toEqual({ status: 0, stderr: "" });
});
