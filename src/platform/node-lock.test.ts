import { link, mkdir, mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockByFiles, lockDirectory, socketFolder } from "./node-lock.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "coterie-lock-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A socket file as a killed process leaves it: bound once, and nobody listens. */
async function leaveDeadSocket(name: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(join(folder, `${name}-alive`), resolve));
  // Node removes the name that it bound; the other name of the same socket stays.
  await link(join(folder, `${name}-alive`), join(folder, name));
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}

test("a directory that was removed while it was held hands its lock on to no other [D-9]", async () => {
  const directory = join(folder, "held");
  await mkdir(directory);
  const removed = await lockDirectory(directory);
  await rm(directory, { recursive: true });
  // The next that is made would get its inode, on file systems that give them out again.
  for (let round = 0; round < 20; round++) {
    await mkdir(directory);
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "ELOCKED" });
    await lock.release();
    await rm(directory, { recursive: true });
  }
  await removed.release();
});

test("a directory is held under every path to it, also once it was moved [D-9]", async () => {
  const directory = join(folder, "held");
  await mkdir(directory);
  await symlink(directory, join(folder, "link"));
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(join(folder, "link"))).rejects.toMatchObject({ code: "ELOCKED" });
  await rename(directory, join(folder, "moved"));
  await expect(lockDirectory(join(folder, "moved"))).rejects.toMatchObject({ code: "ELOCKED" });
  await lock.release();
  await (await lockDirectory(join(folder, "moved"))).release();
});

test("a directory is held by a socket file until it is released [D-9]", async () => {
  const lock = await lockByFiles(folder, folder);
  await expect(lockByFiles(folder, folder)).rejects.toMatchObject({ code: "ELOCKED", path: folder });
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
  await (await lockByFiles(folder, folder)).release();
});

test("the socket file of a killed process does not hold, and is removed [D-9]", async () => {
  await leaveDeadSocket("lock-0123456789abcdef");
  await leaveDeadSocket("lock-fedcba9876543210");
  const lock = await lockByFiles(folder, folder);
  expect(await readdir(folder)).toHaveLength(1);
  await lock.release();
});

test("of many that start at once beside a dead socket file one holds at most [D-9]", async () => {
  for (let round = 0; round < 5; round++) {
    await leaveDeadSocket("lock-0123456789abcdef");
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => lockByFiles(folder, folder)));
    const locks = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(locks.length).toBeLessThanOrEqual(1);
    for (const lock of locks) await lock.release();
  }
});

test("a directory whose path is too long for a socket is held from elsewhere", async () => {
  expect(await socketFolder("/short", "0123456789abcdef0123")).toBe("/short");
  const elsewhere = await socketFolder(`/${"long/".repeat(30)}`, "0123456789abcdef0123");
  expect(elsewhere.length).toBeLessThan(90);
  await rm(elsewhere, { recursive: true });
});
