import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

/** What only real processes show: that the operating system lets go of a lock, and when. Runs what was built. */
const platform = pathToFileURL(join(import.meta.dirname, "../../dist/platform/index.js")).href;

const holder = `
  const { createNodePlatform } = await import(${JSON.stringify(platform)});
  try {
    await createNodePlatform().disk.lock(process.argv[1]);
    console.log("held");
    setInterval(() => {}, 1000);
  } catch (error) {
    console.log(error.code);
  }
`;

let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "coterie-lock-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

/** A process that takes the lock; resolves to what came of it. */
async function start(): Promise<{ child: ChildProcess; outcome: string }> {
  const arguments_ = ["--input-type=module", "--eval", holder, directory];
  const child = spawn(process.execPath, arguments_, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const outcome = await new Promise<string>((resolve) => {
    child.stdout?.once("data", (data) => resolve(String(data).trim()));
  });
  return { child, outcome };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

test("a restart right after kill -9 gets the directory, a second process never does [D-9]", async () => {
  for (let round = 0; round < 3; round++) {
    const first = await start();
    expect(first.outcome).toBe("held");
    expect((await start()).outcome).toBe("ELOCKED");
    await kill(first.child);
  }
});

test("a stopped process still holds, and killing it lets go [D-9]", async () => {
  const first = await start();
  first.child.kill("SIGSTOP");
  expect((await start()).outcome).toBe("ELOCKED");
  await kill(first.child);
  expect((await start()).outcome).toBe("held");
});

test("of many processes that start at once one holds [D-9]", async () => {
  const outcomes = await Promise.all(Array.from({ length: 5 }, start));
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["ELOCKED", "ELOCKED", "ELOCKED", "ELOCKED", "held"]);
});
