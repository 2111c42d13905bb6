import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { explain } from "./command-line.ts";
import { NoAnswerError, UsageError } from "./refusal.ts";

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
  expect(explain(new CommanderError(1, "x", "error: unknown command 'x'"), "x").text).toBe(
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
