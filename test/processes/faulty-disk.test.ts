import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { cleanUp, temporaryFolder } from "../cli/processes.ts";
import { FaultyDisk } from "./faulty-disk.ts";

afterEach(cleanUp);

/** Runs a program of a few lines in the directory, which has a file open; it may end itself by SIGKILL. */
function run(directory: string, disk: FaultyDisk, lines: readonly string[]): string {
  const script = `
    import fs from "node:fs";
    import { promisify } from "node:util";
    const [open, write, read, fdatasync] = [fs.open, fs.write, fs.read, fs.fdatasync].map((f) => promisify((...a) => f(...a)));
    const file = await open(${JSON.stringify(join(directory, "file"))}, "w+", 0o600);
    const bytes = Buffer.alloc(6);
    ${lines.join("\n    ")}
    process.kill(process.pid, "SIGKILL");`;
  const { stdout, stderr, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, ...disk.environment },
  });
  expect({ stderr, signal }).toEqual({ stderr: "", signal: "SIGKILL" });
  return stdout;
}

test("what is synced stays, what is not is read until the process is killed, and then gone [T-2]", () => {
  const directory = temporaryFolder();
  const said = run(directory, new FaultyDisk(directory), [
    'await write(file, Buffer.from("abc"), 0, 3, 0);',
    "await fdatasync(file);",
    'await write(file, Buffer.from("XYZ!"), 0, 4, 2);',
    "console.log(await read(file, bytes, 0, 6, 0), bytes.toString());",
  ]);
  expect(said).toBe("6 abXYZ!\n");
  expect(readFileSync(join(directory, "file"), "utf8")).toBe("abc");
});

test.for([
  { fault: "full", says: "ENOSPC ok" },
  { fault: "refusing", says: "ENOSPC ENOSPC" },
  { fault: "syncFails", says: "ok EIO" },
] as const)("$fault: a write that grows the file, then one within it and its sync", ({ fault, says }) => {
  const directory = temporaryFolder();
  const disk = new FaultyDisk(directory);
  const said = run(directory, disk, [
    'await write(file, Buffer.from("abc"), 0, 3, 0);',
    `fs.writeFileSync(${JSON.stringify(`${directory}.fault`)}, "${fault}");`,
    'const code = (promise) => promise.then(() => "ok", (error) => error.code);',
    'const grown = await code(write(file, Buffer.from("def"), 0, 3, 3));',
    'const within = await code(write(file, Buffer.from("A"), 0, 1, 0).then(() => fdatasync(file)));',
    "console.log(grown, within);",
  ]);
  disk.end();
  expect(said).toBe(`${says}\n`);
});
