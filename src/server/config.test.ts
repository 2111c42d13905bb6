import { describe, expect, test } from "vitest";
import { ServerConfig } from "./config.ts";
import { configAliases, configSettings } from "./config-table.ts";

function refusal(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

test("every setting takes the value that it has, unless it cannot be set at all", () => {
  for (const [name, setting] of configSettings) {
    const config = new ServerConfig();
    const outcome = config.set([name, config.get(name)]);
    if (setting.locked !== undefined) expect(outcome).toBe(refusal(name, setting.locked));
    else expect([name, outcome, config.get(name)]).toEqual([name, undefined, setting.initial]);
  }
});

test("older names mean the same setting, in both directions", () => {
  for (const [alias, name] of configAliases) expect(configSettings.has(name), alias).toBe(true);
  const config = new ServerConfig();
  expect(config.set(["hash-max-ziplist-entries", "64"])).toBeUndefined();
  expect(config.matching(["hash-max-*-entries"])).toEqual([
    "hash-max-listpack-entries",
    "64",
    "hash-max-ziplist-entries",
    "64",
  ]);
});

test("hidden settings are shown to whoever names them in full", () => {
  const config = new ServerConfig();
  expect(config.matching(["key-load-delay"])).toEqual(["key-load-delay", "0"]);
  expect(config.matching(["key-load-*"])).toEqual([]);
  expect(config.matching(["*"])).not.toContain("key-load-delay");
});

describe("values", () => {
  test.for([
    ["maxmemory", "100MB", "104857600"],
    ["maxmemory", "2g", "2000000000"],
    ["maxmemory-clients", "5%", "5%"],
    ["appendonly", "YES", "yes"],
    ["hz", "1000", "500"],
    ["timeout", "7", "7"],
    ["save", "10 2 5 1", "10 2 5 1"],
    ["notify-keyspace-events", "KEg$lshzxetd", "AKE"],
    ["maxmemory-policy", "AllKeys-LFU", "allkeys-lfu"],
    ["client-output-buffer-limit", "replica 1kb 1 2", "normal 0 0 0 slave 1024 1 2 pubsub 33554432 8388608 60"],
  ])("%s %s", ([name, given, kept]) => {
    const config = new ServerConfig();
    expect(config.set([name as string, given as string])).toBeUndefined();
    expect(config.get(name as string)).toBe(kept);
  });

  test.for([
    ["maxmemory", "1kk", "argument must be a memory value"],
    ["timeout", "x", "argument couldn't be parsed into an integer"],
    ["timeout", "-1", "argument must be between 0 and 2147483647 inclusive"],
    ["appendonly", "1", "argument must be 'yes' or 'no'"],
    ["appendfsync", "x", "argument(s) must be one of the following: everysec, always, no"],
    ["databases", "2", "can't set immutable config"],
    ["dir", "/tmp", "can't set protected config"],
    ["port", "1", "Unable to listen on this port. Check server logs."],
    ["save", "1", "Invalid save parameters"],
    ["save", '"', "Unbalanced quotes in configuration line"],
  ])("%s %s is refused", ([name, given, reason]) => {
    const config = new ServerConfig();
    const before = config.get(name as string);
    expect(config.set([name as string, given as string])).toBe(refusal(name as string, reason as string));
    expect(config.get(name as string)).toBe(before);
  });
});

test("several settings are changed together or not at all", () => {
  const config = new ServerConfig();
  expect(config.set(["timeout", "5", "hz", "x"])).toBe(refusal("hz", "argument couldn't be parsed into an integer"));
  expect(config.get("timeout")).toBe("0");
  expect(config.set(["timeout", "5", "nosuch", "x"])).toBe(
    "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
  );
  expect(config.set(["timeout", "5", "TIMEOUT", "6"])).toBe(refusal("timeout", "duplicate parameter"));
  expect(config.set(["timeout", "5", "hz", "20"])).toBeUndefined();
  expect(config.matching(["timeout", "hz"])).toEqual(["timeout", "5", "hz", "20"]);
});

test("who listens to a setting hears its value now and after each change", () => {
  const config = new ServerConfig({ timeout: "3" });
  const heard: string[] = [];
  config.onValue("timeout", (value) => heard.push(value));
  config.set(["timeout", "4"]);
  config.set(["timeout", "x"]);
  expect(heard).toEqual(["3", "4"]);
});

test("names are found by pattern, each once, and shown as they were asked for", () => {
  const config = new ServerConfig();
  expect(config.matching(["TimeOut", "time?ut", "nosuch*", "nosuch"])).toEqual(["TimeOut", "0"]);
  const shown = [...configSettings.values()].filter(({ isHidden }) => isHidden !== true);
  expect(config.matching(["*"]).length / 2).toBe(shown.length + configAliases.size);
});
