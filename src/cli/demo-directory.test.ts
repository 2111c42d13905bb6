import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNodePlatform } from "../platform/index.ts";
import { controlFile } from "./demo-attachment.ts";
import { DemoDirectory, removeAbandonedDemo } from "./demo-directory.ts";

const platform = createNodePlatform();
let parent = "";

beforeEach(() => {
  parent = mkdtempSync(join(realpathSync(tmpdir()), "demo-directory-test-"));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

function open(directory: string | undefined, nodeCount?: number, shards?: number): Promise<DemoDirectory> {
  return DemoDirectory.open(platform, { directory, nodeCount, shards });
}

test("a new directory gets three nodes and a secret that only its owner may read", async () => {
  const path = join(parent, "new", "data");
  const demo = await open(path);
  expect(demo.names).toEqual(["n1", "n2", "n3"]);
  expect(demo.secret).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(join(path, "secret")).mode & 0o777).toBe(0o600);
  await demo.close();
});

test("the next start goes on with the same nodes and secret", async () => {
  const first = await open(parent, 5);
  await first.close();
  const second = await open(parent);
  expect({ names: second.names, secret: second.secret }).toEqual({ names: first.names, secret: first.secret });
  await second.close();
});

test("another number of nodes is refused, and the directory is free again", async () => {
  await (await open(parent, 5)).close();
  await expect(open(parent, 3)).rejects.toMatchObject({
    code: "DEMO_MISMATCH",
    message: expect.stringContaining("holds a demo of 5 nodes, not 3. Leave --nodes out"),
  });
  await (await open(parent, 5)).close();
});

test("another number of shards is refused; the folder knows how many there are", async () => {
  await (await open(parent, 3, 8)).close();
  await expect(open(parent, 3, 4)).rejects.toMatchObject({
    code: "DEMO_MISMATCH",
    message: expect.stringContaining("holds a demo of 8 shards, not 4. Leave --shards out"),
  });
  const again = await open(parent);
  expect(again.shards).toBe(8);
  await again.close();
});

test("a folder from before there were shards has one", async () => {
  await (await open(parent)).close();
  writeFileSync(join(parent, "demo.json"), '{"format":1,"nodes":3}');
  const again = await open(parent);
  expect(again.shards).toBe(1);
  await again.close();
});

test("two demos do not share a directory", async () => {
  const first = await open(parent);
  await expect(open(parent)).rejects.toMatchObject({ code: "DIRECTORY_IN_USE" });
  await first.close();
});

test("a folder that holds something else is left alone", async () => {
  writeFileSync(join(parent, "thesis.tex"), "");
  await expect(open(parent)).rejects.toMatchObject({
    code: "DIRECTORY_UNUSABLE",
    message: expect.stringContaining("is not empty and holds no demo (there is thesis.tex)"),
  });
  expect(readdirSync(parent)).toEqual(["thesis.tex"]);
});

test.for([
  { name: "demo.json", text: '{"format":2,"nodes":3}' },
  { name: "demo.json", text: "" },
  { name: "secret", text: "short" },
])("a damaged $name is refused", async ({ name, text }) => {
  await (await open(parent)).close();
  writeFileSync(join(parent, name), text);
  await expect(open(parent)).rejects.toMatchObject({ code: "DIRECTORY_UNUSABLE" });
});

test("a path below a file is refused with the cure", async () => {
  writeFileSync(join(parent, "file"), "");
  await expect(open(join(parent, "file", "data"))).rejects.toMatchObject({
    code: "DIRECTORY_UNUSABLE",
    message: expect.stringContaining("lies below a file. Choose another --dir."),
  });
});

test("without a directory a temporary one is made, and removed at the end", async () => {
  const demo = await open(undefined);
  mkdirSync(join(demo.nodeDirectory("n1")));
  expect(existsSync(demo.path)).toBe(true);
  await demo.close();
  expect(existsSync(demo.path)).toBe(false);
});

test("a directory of the user's stays, without the trace of the run", async () => {
  const demo = await open(parent);
  demo.publish({ port: 1, token: "t" });
  expect(statSync(controlFile(parent)).mode & 0o777).toBe(0o600);
  await demo.close();
  expect(readdirSync(parent).sort()).toEqual(["demo.json", "secret"]);
});

test("of a temporary demo that was killed, the last node removes the folder", async () => {
  const demo = await open(undefined);
  demo.publish({ port: 1, token: "t" });
  for (const [name, pid] of [
    ["n1", 11],
    ["n2", 12],
    ["n3", 13],
  ] as const) {
    mkdirSync(demo.nodeDirectory(name));
    writeFileSync(join(demo.nodeDirectory(name), "coterie.pid"), `${pid}\n`);
  }
  const alive = new Set([12]);
  removeAbandonedDemo(demo.nodeDirectory("n1"), (pid) => alive.has(pid));
  expect(readdirSync(demo.path)).toContain("n2");
  alive.delete(12);
  removeAbandonedDemo(demo.nodeDirectory("n2"), (pid) => alive.has(pid));
  expect(existsSync(demo.path)).toBe(false);
  await demo.close();
});

test("the last two nodes of a killed temporary demo may end at once", async () => {
  const demo = await open(undefined);
  demo.publish({ port: 1, token: "t" });
  for (const [at, name] of ["n1", "n2"].entries()) {
    mkdirSync(demo.nodeDirectory(name));
    writeFileSync(join(demo.nodeDirectory(name), "coterie.pid"), `${at + 1}\n`);
  }
  // The other one removes everything while the first looks whether it is still alive.
  const others: number[] = [];
  removeAbandonedDemo(demo.nodeDirectory("n1"), (pid) => {
    others.push(pid);
    removeAbandonedDemo(demo.nodeDirectory("n2"), () => false);
    rmSync(demo.path, { recursive: true, force: true });
    return false;
  });
  expect(others).toEqual([2]);
  expect(existsSync(demo.path)).toBe(false);
  await demo.close();
});

test("a directory of the user's outlives a killed demo", async () => {
  const demo = await open(parent);
  demo.publish({ port: 1, token: "t" });
  mkdirSync(demo.nodeDirectory("n1"));
  removeAbandonedDemo(demo.nodeDirectory("n1"), () => false);
  expect(existsSync(demo.nodeDirectory("n1"))).toBe(true);
  await demo.close();
});
