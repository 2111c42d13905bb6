import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commandName, quoteWord } from "./invocation.ts";

let folder = "";
let binary = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "invocation-"));
  binary = join(folder, "coterie-source");
  writeFileSync(binary, "");
  chmodSync(binary, 0o755);
});

afterEach(() => rmSync(folder, { recursive: true }));

function linkIn(...parts: string[]): string {
  const place = join(folder, ...parts);
  mkdirSync(place, { recursive: true });
  symlinkSync(binary, join(place, "coterie"));
  return place;
}

test("a command on the PATH is called by its name", () => {
  const path = ["/nowhere", linkIn("bin")].join(delimiter);
  expect(commandName({ binary, path, npmCommand: undefined })).toBe("coterie");
});

test("another program of that name on the PATH is not ours", () => {
  const place = join(folder, "other");
  mkdirSync(place);
  writeFileSync(join(place, "coterie"), "");
  chmodSync(join(place, "coterie"), 0o755);
  expect(commandName({ binary, path: place, npmCommand: undefined })).toBe(binary);
});

test("what only npm puts on the PATH is no name for the user's shell", () => {
  const path = linkIn("node_modules", ".bin");
  expect(commandName({ binary, path, npmCommand: "start" })).toBe(binary);
});

test("what npx has fetched is called by npx from anywhere, what is installed in some folder by its path", () => {
  const path = linkIn("node_modules", ".bin");
  const fetched = join(folder, "_npx", "abc", "node_modules", "coterie", "bin", "coterie");
  expect(commandName({ binary: fetched, path, npmCommand: "exec" })).toBe("npx coterie");
  const installed = join(folder, "node_modules", "coterie", "bin", "coterie");
  expect(commandName({ binary: installed, path, npmCommand: "exec" })).toBe(installed);
});

test("words are quoted for a shell only where they must be", () => {
  expect(quoteWord("/tmp/coterie-demo-x/n1")).toBe("/tmp/coterie-demo-x/n1");
  expect(quoteWord("/my data/it's")).toBe("'/my data/it'\\''s'");
});
