/** Disks, files and the locks of directories: Node's own and the simulated ones alike. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { bytesOf, called, codeOf, type Host, onEachPlatform, textOf } from "../../test/platform/contract.ts";
import type { DiskFile } from "../platform/index.ts";

onEachPlatform((host) => {
  diskContract(host);
  fileContract(host);
  lockContract(host);
});

function diskContract(host: () => Host): void {
  const path = (name: string): string => join(host().directory, name);
  const disk = () => host().platform.disk;
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);
  const create = async (name: string, text = ""): Promise<void> => {
    const file = await until(disk().open(path(name), "create"));
    await until(called((done) => file.write(bytesOf(text), 0, done)));
    await until(file.close());
  };

  test("what was written is read back", async () => {
    await create("a", "hello");
    expect(textOf(await until(disk().readFile(path("a"))))).toBe("hello");
  });

  test("opening says what is there and what is not", async () => {
    await create("a");
    await until(disk().makeDirectory(path("folder")));
    expect(await until(codeOf(disk().open(path("a"), "create")))).toBe("DiskError EEXIST");
    expect(await until(codeOf(disk().open(path("b"), "read")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("b"), "write")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("no/b"), "create")))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().open(path("folder"), "write")))).toBe("DiskError EISDIR");
    expect(await until(codeOf(disk().readFile(path("b"))))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().readFile(path("folder"))))).toBe("DiskError EISDIR");
  });

  test("a rename replaces what stood there", async () => {
    await create("a", "new");
    await create("b", "old");
    await until(disk().rename(path("a"), path("b")));
    expect(textOf(await until(disk().readFile(path("b"))))).toBe("new");
    expect(await until(disk().list(host().directory))).toEqual(["b"]);
    expect(await until(codeOf(disk().rename(path("a"), path("c"))))).toBe("DiskError ENOENT");
  });

  test("a folder lists its names in order", async () => {
    await create("b");
    await create("a");
    await until(disk().makeDirectory(path("c/d")));
    expect(await until(disk().list(host().directory))).toEqual(["a", "b", "c"]);
    expect(await until(disk().list(path("c")))).toEqual(["d"]);
    expect(await until(codeOf(disk().list(path("none"))))).toBe("DiskError ENOENT");
    expect(await until(codeOf(disk().list(path("a"))))).toBe("DiskError ENOTDIR");
  });

  test("making a folder twice is no error, in place of a file it is one", async () => {
    await until(disk().makeDirectory(path("x/y/z")));
    await until(disk().makeDirectory(path("x/y/z")));
    await create("file");
    expect(await until(codeOf(disk().makeDirectory(path("file"))))).toBe("DiskError EEXIST");
    expect(await until(codeOf(disk().makeDirectory(path("file/below"))))).toBe("DiskError ENOTDIR");
  });

  test("files and trees are removed", async () => {
    await create("a");
    await until(disk().remove(path("a")));
    expect(await until(codeOf(disk().remove(path("a"))))).toBe("DiskError ENOENT");
    await until(disk().makeDirectory(path("x/y")));
    await create("x/y/file");
    await until(disk().removeTree(path("x")));
    await until(disk().removeTree(path("x")));
    expect(await until(disk().list(host().directory))).toEqual([]);
  });

  test("a renamed folder takes its files along", async () => {
    await until(disk().makeDirectory(path("x/y")));
    await create("x/y/file", "text");
    await until(disk().rename(path("x"), path("z")));
    expect(textOf(await until(disk().readFile(path("z/y/file"))))).toBe("text");
    expect(await until(disk().list(host().directory))).toEqual(["z"]);
  });

  test("a folder can be synced, a missing one cannot", async () => {
    await create("a");
    await until(disk().syncDirectory(host().directory));
    expect(await until(codeOf(disk().syncDirectory(path("none"))))).toBe("DiskError ENOENT");
  });

  test("free space is a number of bytes", async () => {
    expect(await until(disk().freeBytes(host().directory))).toBeGreaterThan(1_000_000);
  });
}

function fileContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);
  const open = (mode: "read" | "write" | "create"): Promise<DiskFile> =>
    until(host().platform.disk.open(join(host().directory, "file"), mode));
  const write = (file: DiskFile, text: string, position: number): Promise<string> =>
    until(called((done) => file.write(bytesOf(text), position, done)));

  test("writes land at their positions, gaps are zero", async () => {
    const file = await open("create");
    expect(await write(file, "world", 6)).toBe("done");
    expect(await write(file, "hello", 0)).toBe("done");
    expect(textOf(await until(file.read(0, 100)))).toBe("hello\0world");
    expect(await until(file.sizeBytes())).toBe(11);
    await until(file.close());
  });

  test("a read ends with the file", async () => {
    const file = await open("create");
    await write(file, "hello", 0);
    expect(textOf(await until(file.read(3, 10)))).toBe("lo");
    expect(textOf(await until(file.read(1, 2)))).toBe("el");
    expect(textOf(await until(file.read(5, 10)))).toBe("");
    expect(textOf(await until(file.read(50, 10)))).toBe("");
    await until(file.close());
  });

  test("a file is synced, written and synced in one, and in any mixture", async () => {
    const file = await open("create");
    const outcomes: string[] = [];
    for (const [index, kind] of ["both", "write", "both", "sync", "both", "write", "sync", "both"].entries()) {
      const bytes = bytesOf(String(index));
      if (kind === "both") outcomes.push(await until(called((done) => file.writeAndSync(bytes, index, done))));
      else if (kind === "write") outcomes.push(await until(called((done) => file.write(bytes, index, done))));
      else outcomes.push(await until(called((done) => file.sync(done))));
    }
    expect(new Set(outcomes)).toEqual(new Set(["done"]));
    expect(textOf(await until(file.read(0, 9)))).toBe("012\x004" + "5\x007");
    await until(file.close());
  });

  test("several writes may be under way at once", async () => {
    const file = await open("create");
    const writes = Array.from({ length: 50 }, (_, at) => called((done) => file.write(bytesOf("x"), at, done)));
    expect(new Set(await until(Promise.all(writes)))).toEqual(new Set(["done"]));
    expect(await until(file.sizeBytes())).toBe(50);
    await until(file.close());
  });

  test("truncating cuts and extends", async () => {
    const file = await open("create");
    await write(file, "hello", 0);
    await until(file.truncate(2));
    await until(file.truncate(4));
    expect(textOf(await until(file.read(0, 10)))).toBe("he\0\0");
    await until(file.close());
  });

  test("two openings show one file", async () => {
    const file = await open("create");
    const other = await open("read");
    await write(file, "hello", 0);
    expect(textOf(await until(other.read(0, 10)))).toBe("hello");
    expect(await write(other, "no", 0)).toBe("write EBADF");
    await until(Promise.all([file.close(), other.close()]));
  });

  test("a file that was renamed or removed goes on under its opening", async () => {
    const file = await open("create");
    await until(host().platform.disk.rename(join(host().directory, "file"), join(host().directory, "other")));
    await write(file, "hello", 0);
    expect(textOf(await until(host().platform.disk.readFile(join(host().directory, "other"))))).toBe("hello");
    await until(host().platform.disk.remove(join(host().directory, "other")));
    expect(textOf(await until(file.read(0, 10)))).toBe("hello");
    await until(file.close());
  });

  test("closing waits for what is under way, and ends it all", async () => {
    const file = await open("create");
    const outcomes: string[] = [];
    void called((done) => file.write(bytesOf("x"), 0, done)).then((outcome) => outcomes.push(outcome));
    void called((done) => file.writeAndSync(bytesOf("y"), 1, done)).then((outcome) => outcomes.push(outcome));
    await until(file.close().then(() => outcomes.push("closed")));
    expect(outcomes).toEqual(["done", "done", "closed"]);
    await until(file.close());
    expect(await write(file, "z", 2)).toBe("write EBADF");
    expect(await until(called((done) => file.sync(done)))).toBe("sync EBADF");
    expect(await until(called((done) => file.writeAndSync(bytesOf("z"), 2, done)))).toBe("write EBADF");
    expect(await until(codeOf(file.read(0, 1)))).toBe("DiskError EBADF");
    expect(await until(codeOf(file.truncate(0)))).toBe("DiskError EBADF");
  });
}

function lockContract(host: () => Host): void {
  const disk = () => host().platform.disk;
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a directory is held by one until it is released [D-9]", async () => {
    const lock = await until(disk().lock(host().directory));
    expect(await until(codeOf(disk().lock(host().directory)))).toBe("DiskError ELOCKED");
    await until(lock.release());
    await until((await until(disk().lock(host().directory))).release());
  });

  test("the path does not matter, the directory does", async () => {
    await until(disk().makeDirectory(join(host().directory, "a")));
    await until(disk().makeDirectory(join(host().directory, "b")));
    const lock = await until(disk().lock(`${host().directory}/a`));
    expect(await until(codeOf(disk().lock(`${host().directory}/b/../a`)))).toBe("DiskError ELOCKED");
    await until((await until(disk().lock(`${host().directory}/b`))).release());
    await until(lock.release());
    expect(await until(codeOf(disk().lock(`${host().directory}/none`)))).toBe("DiskError ENOENT");
  });

  test("of many that start at once one gets the directory [D-9]", async () => {
    const attempts = Array.from({ length: 10 }, () => disk().lock(host().directory));
    const outcomes = await until(Promise.allSettled(attempts));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === "fulfilled") await until(outcome.value.release());
  });
}
