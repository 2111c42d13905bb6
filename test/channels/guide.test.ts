/** The programs in docs/channels.md compile, run, and print what they say they print. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const guide = readFileSync(join(root, "docs", "channels.md"), "utf8");
const programs = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");

/** What a program prints, by its own account. */
function promised(program: string): string[] {
  return [...program.matchAll(/\/\/ → (.*)$/gm)].map((match) => match[1] ?? "");
}

let directory = "";

beforeAll(() => {
  // Inside the package, where it finds itself by its name.
  mkdirSync(join(root, ".build"), { recursive: true });
  directory = mkdtempSync(join(root, ".build", "guide-"));
  for (const [at, program] of programs.entries()) writeFileSync(join(directory, `program-${at + 1}.ts`), program);
  const options = { rootDir: ".", outDir: "out", isolatedDeclarations: false, declaration: false };
  const config = { extends: "../../tsconfig.base.json", compilerOptions: options, include: ["."] };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", directory], { stdio: ["ignore", 2, 2] });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test("there are programs in the guide", () => {
  expect(programs.length).toBeGreaterThan(8);
  expect(programs.every((program) => promised(program).length > 0 || program.includes("wait"))).toBe(true);
});

test.for(programs.map((program, at) => ({ number: at + 1, program })))(
  "program $number of the guide prints what it says",
  ({ number, program }) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(directory, "out", `program-${number}.js`)], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ stderr, status, lines: stdout.trimEnd().split("\n") }).toEqual({
      stderr: "",
      status: 0,
      lines: promised(program),
    });
  },
);
