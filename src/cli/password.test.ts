import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readPassword } from "./password.ts";

let folder = "";
let file = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "password-"));
  file = join(folder, "password");
  writeFileSync(file, "from file \r\nsecond line\n", { mode: 0o600 });
});

afterEach(() => rmSync(folder, { recursive: true }));

test("no flag and no variable: no password", () => {
  expect(readPassword({}, undefined)).toBeUndefined();
  expect(readPassword({}, "")).toBeUndefined();
});

test("the variable is taken without a warning", () => {
  expect(readPassword({}, "word")).toEqual({ text: "word", file: undefined, warning: undefined });
});

test("the first line of a file is taken before the variable, and its path is remembered", () => {
  expect(readPassword({ passwordFile: file }, "word")).toEqual({ text: "from file ", file, warning: undefined });
});

test("a file that others can read is taken with a warning", () => {
  chmodSync(file, 0o644);
  expect(readPassword({ passwordFile: file }, undefined)?.warning).toBe(
    `${file} may be read by other users; chmod 600 closes it.`,
  );
});

test("a password on the command line is taken with a warning", () => {
  const password = readPassword({ password: "seen" }, "word");
  expect(password?.text).toBe("seen");
  expect(password?.warning).toContain("shows the password to every user who lists processes");
});

test("refused: two sources, a missing file, an empty one, a long one", () => {
  expect(() => readPassword({ password: "a", passwordFile: file }, undefined)).toThrow("exclude each other");
  expect(() => readPassword({ passwordFile: join(folder, "none") }, undefined)).toThrow("cannot be read");
  writeFileSync(file, "\n");
  expect(() => readPassword({ passwordFile: file }, undefined)).toThrow("--password-file is empty");
  expect(() => readPassword({}, "x".repeat(513))).toThrow("COTERIE_PASSWORD is longer than 512 bytes");
});
