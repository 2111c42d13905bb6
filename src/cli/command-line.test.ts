import { CommanderError } from "commander";
import { afterEach, expect, test, vi } from "vitest";
import { explain, runCommandLine } from "./command-line.ts";
import { NoAnswerError, UsageError } from "./refusal.ts";

afterEach(() => vi.restoreAllMocks());

async function helpOf(path: readonly string[]): Promise<string> {
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  expect(await runCommandLine([...path, "--help"], "/bin/coterie")).toBe(0);
  write.mockRestore();
  return text;
}

/** The commands that a page of help lists. */
function listedIn(help: string): readonly string[] {
  const [, list = ""] = help.split(/^Commands:$/m);
  const names = [...(list.split("\n\n")[0] ?? "").matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, name = ""]) => name);
  return names.filter((name) => name !== "help");
}

test("every page of help has an example, and fits a terminal of 80 columns", async () => {
  const pages: string[] = [];
  const visit = async (path: readonly string[]): Promise<void> => {
    pages.push(path.join(" "));
    const help = await helpOf(path);
    expect(help, path.join(" ")).toContain("\nExamples:\n");
    for (const line of help.split("\n")) expect(line.length, `${path.join(" ")}: ${line}`).toBeLessThanOrEqual(80);
    for (const name of listedIn(help)) await visit([...path, name]);
  };
  await visit([]);
  expect(pages).toEqual(expect.arrayContaining(["start", "cluster recover", "shard transfer", "ring plan"]));
});

test("an unknown flag is explained in one line with the help to read", () => {
  const error = new CommanderError(
    1,
    "commander.unknownOption",
    "error: unknown option '--prt'\n(Did you mean --port?)",
  );
  expect(explain(error, "demo")).toEqual({
    text: "unknown option '--prt' (Did you mean --port?) See coterie demo --help.",
    code: 2,
  });
  expect(explain(new CommanderError(1, "x", "error: unknown command 'x'"), "").text).toBe(
    "unknown command 'x'. See coterie --help.",
  );
});

test("help and version are no errors", () => {
  expect(explain(new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), "demo")).toEqual({
    text: undefined,
    code: 0,
  });
});

test("a refusal is its message, without a stack", () => {
  expect(explain(new UsageError("No. Do this."), "demo")).toEqual({ text: "No. Do this.", code: 2 });
  expect(explain(new NoAnswerError("Nobody."), "status")).toEqual({ text: "Nobody.", code: 3 });
});

test("anything else is a bug of ours, with its stack", () => {
  const { text, code } = explain(new TypeError("x is not a function"), "demo");
  expect(code).toBe(70);
  expect(text).toMatch(/^this is a bug, please report it: TypeError: x is not a function\n\s+at /);
  expect(explain("thrown text", "demo").text).toBe("this is a bug, please report it: thrown text");
});
