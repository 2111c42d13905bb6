import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSettings, type Settings, saveSettings } from "./settings.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "settings-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const settings: Settings = {
  bind: "127.0.0.1",
  port: 7001,
  clusterPort: 7200,
  httpPort: 7300,
  peerBind: undefined,
  peerPort: 17001,
  join: undefined,
  needsPassword: true,
  passwordFile: "/etc/coterie/password",
};

test("before the first start there are none", () => {
  expect(loadSettings(folder)).toBeUndefined();
});

test("what was saved last is loaded, and only its owner may read it", () => {
  saveSettings(folder, settings);
  saveSettings(folder, { ...settings, port: 7301 });
  expect(loadSettings(folder)).toEqual({ ...settings, port: 7301 });
  expect(statSync(join(folder, "settings.json")).mode & 0o777).toBe(0o600);
});

test.for([
  { text: "", complaint: "cannot be read" },
  { text: '{"format":1,"bind":"127.0', complaint: "cannot be read" },
  { text: "[]", complaint: "cannot be read" },
  { text: '{"format":9}', complaint: "has format 9, this version knows 1" },
  { text: '{"format":1,"bind":"127.0.0.1","port":70000,"needsPassword":false}', complaint: "is incomplete" },
])("a damaged file is refused with the cure: $complaint", ({ text, complaint }) => {
  writeFileSync(join(folder, "settings.json"), text);
  expect(() => loadSettings(folder)).toThrow(complaint);
  expect(() => loadSettings(folder)).toThrow("Remove the file and start once with --port");
});
