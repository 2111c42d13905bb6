import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatLogLine, openConsoleLog } from "./console-logger.ts";

let folder = "";
let file = "";
let descriptor = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "log-"));
  file = join(folder, "log");
  descriptor = openSync(file, "w");
});

afterEach(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

test("an event is one line of JSON", () => {
  const log = openConsoleLog({
    level: "info",
    isTerminal: false,
    hasColor: false,
    fields: { node: "n1" },
    fileDescriptor: descriptor,
  });
  log.logger.log("debug", "left out");
  log.logger.log("warn", "leader lost", { term: 3, leader: undefined });
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      node: "n1",
      event: "leader lost",
      term: 3,
    },
  ]);
});

test("on a terminal an event is a line to read", () => {
  const line = JSON.stringify({
    level: "info",
    time: "2025-01-02T03:04:05.678Z",
    node: "n1",
    event: "leader elected",
    term: 3,
    address: "127.0.0.1:7001",
    reason: "no heartbeat",
  });
  expect(formatLogLine(`${line}\n`, false)).toBe(
    '03:04:05.678 info  n1 leader elected term=3 address=127.0.0.1:7001 reason="no heartbeat"\n',
  );
  expect(formatLogLine(line, true)).toContain("\u001b[32minfo \u001b[0m");
  expect(formatLogLine("not ours\n", false)).toBe("not ours\n");
});

test("a reader that is gone does not disturb the process", () => {
  const unwritable = openSync(file, "r");
  const log = openConsoleLog({ level: "info", isTerminal: false, hasColor: false, fileDescriptor: unwritable });
  log.logger.log("info", "into the void");
  expect(() => log.flush()).not.toThrow();
  closeSync(unwritable);
});
