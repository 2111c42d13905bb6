import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createNodePlatform } from "./index.ts";

const { disk } = createNodePlatform();

test("a folder is made with its parents, for its owner alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "coterie-test-"));
  try {
    await disk.makeDirectory(join(directory, "a/b/c"));
    expect(statSync(join(directory, "a/b/c")).mode & 0o777).toBe(0o700);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a folder whose parent refuses it is an error, not a wait for ever", async () => {
  await expect(disk.makeDirectory("/proc/coterie")).rejects.toMatchObject({ name: "DiskError" });
});
