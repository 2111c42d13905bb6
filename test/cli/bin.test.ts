import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { binary, cleanUp, Run, run, temporaryFolder } from "./processes.ts";

afterEach(cleanUp);

test("without a build the command says how to make one", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "bin"));
  cpSync(dirname(binary), join(folder, "bin"), { recursive: true });
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "bin", "coterie"), "demo"], {
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: "",
    stderr: "coterie: this checkout is not built yet. Run npm start (or npm run build) in it first.\n",
  });
});

test.for(["demo", "start", "status"])("coterie %s --help has examples", async (command) => {
  const { code, stdout, stderr } = await run([command, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toMatch(new RegExp(`^Usage: coterie ${command} [\\s\\S]*\nExamples:\n  (\\w+=… )?coterie ${command}`));
});

test("whoever reads the output may go before its end", async () => {
  const command = new Run(["start", "--help"]);
  command.child.stdout?.destroy();
  expect(await command.done).toMatchObject({ code: 0, stderr: "" });
});

test("coterie alone prints the commands", async () => {
  const { code, stdout } = await run([]);
  expect(code).toBe(0);
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toMatch(/demo [\s\S]*start [\s\S]*status [\s\S]*Examples:/);
});

test.for([["--version"], ["demo", "--version"]])("%j prints the version of the package", async (words) => {
  expect(await run(words)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.for([
  { words: ["dmo"], line: /^coterie: unknown command 'dmo' \(Did you mean demo\?\) See coterie --help\.\n$/ },
  {
    words: ["demo", "--prt", "1"],
    line: /^coterie: unknown option '--prt' \(Did you mean --port\?\) See coterie demo --help\.\n$/,
  },
  {
    words: ["demo", "--port"],
    line: /^coterie: option '--port <port>' argument missing\. See coterie demo --help\.\n$/,
  },
  { words: ["demo", "--port", "x"], line: /^coterie: --port takes a whole number from 0 to 65535, not "x"\.\n$/ },
  { words: ["demo", "more"], line: /^coterie: too many arguments.* See coterie demo --help\.\n$/ },
  {
    words: ["demo", "--memory", "--dir", "x"],
    line: /^coterie: --memory keeps nothing on disk .* Leave one of them out\.\n$/,
  },
  { words: ["status", "--port", "0"], line: /^coterie: --port takes a whole number from 1 to 65535, not "0"\.\n$/ },
])("refused in one line with exit code 2: $words", async ({ words, line }) => {
  const { code, stdout, stderr } = await run(words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(line);
});
