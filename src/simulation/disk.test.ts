import { expect, test } from "vitest";
import type { DiskError, DiskFile, Platform } from "../platform/index.ts";
import type { SimulatedMachine } from "./machine.ts";
import { SimulatedWorld } from "./world.ts";

interface Setting {
  readonly world: SimulatedWorld;
  readonly machine: SimulatedMachine;
  readonly platform: Platform;
}

function setUp(seed = 1): Setting {
  const world = new SimulatedWorld({ seed });
  const machine = world.machine("n1");
  return { world, machine, platform: machine.start() };
}

type Operation = (done: (error: DiskError | undefined) => void) => void;

function outcome(world: SimulatedWorld, operation: Operation): Promise<string> {
  return world.until(
    new Promise((resolve) => {
      operation((error) => resolve(error === undefined ? "done" : `${error.operation} ${error.code}`));
    }),
  );
}

async function create(setting: Setting, path: string): Promise<DiskFile> {
  return setting.world.until(setting.platform.disk.open(path, "create"));
}

async function content(setting: Setting, path: string): Promise<string> {
  return Buffer.from(await setting.world.until(setting.machine.start().disk.readFile(path))).toString("latin1");
}

const a = Buffer.alloc(4096, "a");
const b = Buffer.alloc(4096, "b");

test("synced bytes under a synced name survive a power cut", async () => {
  const setting = setUp();
  const file = await create(setting, "/f");
  await outcome(setting.world, (done) => file.writeAndSync(a, 0, done));
  await setting.world.until(setting.platform.disk.syncDirectory("/"));
  await outcome(setting.world, (done) => file.write(b, 0, done));
  await outcome(setting.world, (done) => file.write(b, 4096, done));
  setting.machine.cutPower("everything");
  expect(await content(setting, "/f")).toBe(a.toString());
});

test("a name that was not synced is gone after a power cut, and with it the file [D-5]", async () => {
  const setting = setUp();
  const file = await create(setting, "/f");
  await outcome(setting.world, (done) => file.writeAndSync(a, 0, done));
  setting.machine.cutPower("everything");
  await expect(content(setting, "/f")).rejects.toMatchObject({ code: "ENOENT" });
});

test("of two syncs of a folder that overlap each makes durable what came before it", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const setting = setUp(seed);
    const { disk } = setting.platform;
    await create(setting, "/f");
    const first = disk.syncDirectory("/");
    await setting.world.run(0.01);
    await create(setting, "/g");
    const second = disk.syncDirectory("/");
    await setting.world.until(Promise.all([first, second]));
    setting.machine.cutPower("everything");
    expect(setting.machine.disk.files().map(({ path }) => path)).toEqual(["/f", "/g"]);
  }
});

test("an unsynced rename is undone by a power cut, whole", async () => {
  const setting = setUp();
  const { world, platform } = setting;
  for (const [path, bytes] of [["/old", a] as const, ["/new", b] as const]) {
    const file = await create(setting, path);
    await outcome(world, (done) => file.writeAndSync(bytes, 0, done));
  }
  await world.until(platform.disk.syncDirectory("/"));
  await world.until(platform.disk.rename("/new", "/old"));
  setting.machine.cutPower("everything");
  const { disk } = setting.machine.start();
  expect(await world.until(disk.list("/"))).toEqual(["new", "old"]);
  expect(Buffer.from(await world.until(disk.readFile("/old"))).toString()).toBe(a.toString());
});

test("a killed process leaves its writes in the page cache, where the next power cut takes them [D-4]", async () => {
  const setting = setUp();
  const { world, machine } = setting;
  const file = await create(setting, "/f");
  await outcome(world, (done) => file.writeAndSync(a, 0, done));
  await world.until(setting.platform.disk.syncDirectory("/"));
  await outcome(world, (done) => file.write(b, 4096, done));
  machine.kill();
  expect(await content(setting, "/f")).toBe(a.toString() + b.toString());
  machine.cutPower("everything");
  expect(await content(setting, "/f")).toBe(a.toString());
});

test("a power cut may keep the second of two unsynced writes and lose the first, and may tear [D-2]", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const setting = setUp(seed);
    const file = await create(setting, "/f");
    await outcome(setting.world, (done) => file.sync(done));
    await setting.world.until(setting.platform.disk.syncDirectory("/"));
    await outcome(setting.world, (done) => file.write(a, 0, done));
    await outcome(setting.world, (done) => file.write(b, 4096, done));
    setting.machine.cutPower("random");
    const text = await content(setting, "/f");
    const first = text.slice(0, 4096);
    const isFirst = first === a.toString() ? "first" : /^\0*$/.test(first) ? "no first" : "torn first";
    seen.add(`${isFirst} ${text.length} ${text.slice(4096) === b.toString()}`);
    for (let at = 0; at < first.length; at += 512) expect(new Set(first.slice(at, at + 512)).size).toBe(1);
  }
  expect(seen).toContain("first 8192 true");
  expect(seen).toContain("first 8192 false");
  expect(seen).toContain("no first 8192 true");
  expect(seen).toContain("no first 0 false");
  expect(seen).toContain("torn first 8192 true");
});

test("a failed sync leaves pages that read well, that no later sync writes, and that the power cut takes [D-4]", async () => {
  let lost = 0;
  for (let seed = 0; seed < 20; seed++) {
    const setting = setUp(seed);
    const { world, machine } = setting;
    const file = await create(setting, "/f");
    await outcome(world, (done) => file.writeAndSync(Buffer.alloc(4096), 0, done));
    await world.until(setting.platform.disk.syncDirectory("/"));
    machine.disk.inject({ operation: "sync", code: "EIO" });
    expect(await outcome(world, (done) => file.writeAndSync(a, 0, done))).toBe("sync EIO");
    expect(await outcome(world, (done) => file.sync(done))).toBe("done");
    expect(Buffer.from(await world.until(file.read(0, 4096))).equals(a)).toBe(true);
    machine.cutPower("nothing");
    if ((await content(setting, "/f")) !== a.toString()) lost++;
  }
  expect(lost).toBeGreaterThan(3);
  expect(lost).toBeLessThan(17);
});

test("a sync covers what was written before it began, not what came while it ran", async () => {
  const setting = setUp();
  const file = await create(setting, "/f");
  await outcome(setting.world, (done) => file.writeAndSync(Buffer.alloc(8192), 0, done));
  await setting.world.until(setting.platform.disk.syncDirectory("/"));
  await outcome(setting.world, (done) => file.write(a, 0, done));
  setting.machine.disk.settings = { ...setting.machine.disk.settings, syncMs: 1000 };
  const synced = outcome(setting.world, (done) => file.sync(done));
  file.write(b, 4096, () => {});
  await synced;
  setting.machine.cutPower("everything");
  expect(await content(setting, "/f")).toBe(`${a.toString()}${"\0".repeat(4096)}`);
});

test("bytes that are touched before the write has ended are written as they are then", async () => {
  const setting = setUp();
  const file = await create(setting, "/f");
  const bytes = Buffer.from("right");
  const written = outcome(setting.world, (done) => file.write(bytes, 0, done));
  bytes.write("wrong");
  await written;
  expect(await content(setting, "/f")).toBe("wrong");
});

test.for(["EIO", "ENOSPC", "EDQUOT", "EROFS", "ESHORT"])("a write fails with %s when told to [D-6]", async (code) => {
  const setting = setUp();
  const file = await create(setting, "/f");
  setting.machine.disk.inject({ operation: "write", code, skip: 1, count: 2, matches: (path) => path === "/f" });
  const outcomes: string[] = [];
  for (let count = 0; count < 4; count++) {
    outcomes.push(await outcome(setting.world, (done) => file.writeAndSync(a, 0, done)));
  }
  expect(outcomes).toEqual(["done", `write ${code}`, `write ${code}`, "done"]);
});

test.for(["open", "read", "rename", "remove", "list", "make", "sync", "stat", "lock"] as const)(
  "the operation %s fails when told to [D-6]",
  async (operation) => {
    const setting = setUp();
    const { world } = setting;
    const { disk } = setting.platform;
    const file = await create(setting, "/f");
    await world.until(disk.makeDirectory("/d"));
    const actions = {
      open: () => disk.open("/f", "write"),
      read: () => file.read(0, 1),
      rename: () => disk.rename("/f", "/g"),
      remove: () => disk.remove("/f"),
      list: () => disk.list("/d"),
      make: () => disk.makeDirectory("/e"),
      sync: () => disk.syncDirectory("/d"),
      stat: () => disk.freeBytes("/d"),
      lock: () => disk.lock("/d"),
    };
    const lift = setting.machine.disk.inject({ operation, code: "EIO", count: Number.POSITIVE_INFINITY });
    await expect(world.until<unknown>(actions[operation]())).rejects.toMatchObject({ code: "EIO", operation });
    await expect(world.until<unknown>(actions[operation]())).rejects.toMatchObject({ code: "EIO" });
    lift();
    await world.until<unknown>(actions[operation]());
  },
);

test("a full disk takes what fits, then nothing, until space comes back", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1", { disk: { capacityBytes: 5 * 4096 } });
  const platform = machine.start();
  const setting = { world, machine, platform };
  const file = await create(setting, "/f");
  const big = Buffer.alloc(4 * 4096, "x");
  expect(await outcome(world, (done) => file.write(big, 0, done))).toBe("done");
  expect(await world.until(platform.disk.freeBytes("/"))).toBe(4096);
  expect(await outcome(world, (done) => file.write(big, 4 * 4096, done))).toBe("write ESHORT");
  expect(await outcome(world, (done) => file.write(big, 5 * 4096, done))).toBe("write ENOSPC");
  expect(await outcome(world, (done) => file.write(a, 0, done))).toBe("done");
  await world.until(file.truncate(4096));
  expect(await world.until(platform.disk.freeBytes("/"))).toBe(4 * 4096);
  const other = await create(setting, "/g");
  expect(await outcome(world, (done) => other.write(b, 0, done))).toBe("done");
  await world.until(platform.disk.remove("/g"));
  expect(await world.until(platform.disk.freeBytes("/"))).toBe(4 * 4096);
});

test("a stalled disk ends nothing until it goes on", async () => {
  const setting = setUp();
  const file = await create(setting, "/f");
  setting.machine.disk.stall(30_000);
  const startMs = setting.world.nowMs;
  await outcome(setting.world, (done) => file.writeAndSync(a, 0, done));
  expect(setting.world.nowMs - startMs).toBeGreaterThanOrEqual(30_000);
});

test("a flipped bit is seen, in old data and new", async () => {
  const setting = setUp();
  const { world, machine } = setting;
  const file = await create(setting, "/f");
  await outcome(world, (done) => file.writeAndSync(a, 0, done));
  await world.until(setting.platform.disk.syncDirectory("/"));
  machine.disk.flipBit("/f", 100, 3);
  await outcome(world, (done) => file.write(b, 4096, done));
  const where = machine.disk.flipRandomBit((path) => path === "/f");
  expect(where?.path).toBe("/f");
  machine.cutPower("nothing");
  const bytes = Buffer.from(await content(setting, "/f"), "latin1");
  const expected = Buffer.concat([a, b]);
  const differing = [...bytes.keys()].filter((at) => bytes[at] !== expected[at]);
  expect(differing.sort((x, y) => x - y)).toEqual([100, where?.position].sort((x = 0, y = 0) => x - y));
});

test("files are lost, disks are erased, and old copies are put back [D-10]", async () => {
  const setting = setUp();
  const { world, machine } = setting;
  const file = await create(setting, "/f");
  await outcome(world, (done) => file.writeAndSync(a, 0, done));
  await world.until(setting.platform.disk.syncDirectory("/"));
  const copy = machine.disk.copy();
  await outcome(world, (done) => file.writeAndSync(b, 0, done));
  machine.disk.loseFile("/f");
  expect(machine.disk.files()).toEqual([]);
  machine.kill();
  machine.disk.restore(copy);
  expect(await content(setting, "/f")).toBe(a.toString());
  machine.disk.erase();
  await expect(content(setting, "/f")).rejects.toMatchObject({ code: "ENOENT" });
  expect(machine.disk.usedBytes).toBe(0);
});

test("the lock of a killed process is free, also if it was stopped before [D-9]", async () => {
  const setting = setUp();
  const { world, machine, platform } = setting;
  await world.until(platform.disk.makeDirectory("/d"));
  await world.until(platform.disk.lock("/d"));
  machine.pause();
  machine.kill();
  await world.until(machine.start().disk.lock("/d"));
});

test("what a killed process was writing is there or is not", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const setting = setUp(seed);
    const file = await create(setting, "/f");
    file.write(Buffer.from("x"), 0, () => {});
    await setting.world.run(0.01);
    setting.machine.kill();
    seen.add(await content(setting, "/f"));
  }
  expect(seen).toEqual(new Set(["", "x"]));
});
