import { expect, test } from "vitest";
import { nodeDefaults } from "../settings.ts";
import { groupSettings } from "./shard-group.ts";

test("what groups share is divided among as many as there are at the moment, and none gets next to nothing", () => {
  let count = 1;
  const settings = groupSettings(nodeDefaults, () => count);
  expect({ ...settings }).toEqual(nodeDefaults);
  count = 4;
  expect(settings.logCacheBytes).toBe(nodeDefaults.logCacheBytes / 4);
  expect(settings.snapshotLogBytesMin).toBe(nodeDefaults.snapshotLogBytesMin / 4);
  expect(settings.electionTicks).toBe(nodeDefaults.electionTicks);
  count = 1_000;
  expect(settings.logCacheBytes).toBe(256 * 1_024);
  expect(settings.snapshotLagBytesMax).toBe(Math.floor(nodeDefaults.snapshotLagBytesMax / 1_000));
  count = 0;
  expect(settings.snapshotTailBytes).toBe(nodeDefaults.snapshotTailBytes);
});
