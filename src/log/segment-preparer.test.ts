import { beforeEach, expect, test } from "vitest";
import { SimulatedHost } from "../../test/log/fixture.ts";
import type { Disk, DiskFile } from "../platform/index.ts";
import { type Preparation, SegmentPreparer } from "./segment-preparer.ts";

const path = "/data/000000000004.segment";
const preparing = "/data/000000000004.preparing";

let host: SimulatedHost;
beforeEach(async () => {
  host = new SimulatedHost();
  await host.prepare();
});

/** The disk of the host, and what is asked of its files. */
function watched(): { readonly disk: Disk; readonly calls: string[] } {
  const calls: string[] = [];
  const { disk } = host.platform;
  const open = async (name: string, mode: "read" | "write" | "create"): Promise<DiskFile> => {
    const file = await disk.open(name, mode);
    return new Proxy(file, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...given: readonly unknown[]): unknown => {
          calls.push(given[0] instanceof Uint8Array ? `${String(property)} ${given[0].length}` : String(property));
          return Reflect.apply(value, target, given);
        };
      },
    });
  };
  const proxy = new Proxy(disk, {
    get: (target, property) => {
      if (property === "open") return open;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { disk: proxy, calls };
}

function start(preparer: SegmentPreparer, bytes: number, isScarce = false): Promise<Preparation> {
  return new Promise((resolve) => preparer.start(4, { bytes, isScarce }, resolve));
}

test("small pieces, each synced, with pauses between; the name comes last [D-5]", async () => {
  const { disk, calls } = watched();
  const preparer = new SegmentPreparer({ disk, clock: host.platform.clock, directory: "/data", freeBytesMin: 0 });
  const preparation = start(preparer, 1_048_576);
  const startMs = host.world.nowMs;
  await host.run(2);
  expect(host.machine.disk.files().map((file) => file.path)).toEqual([preparing]);
  expect(preparer.isPreparing).toBe(true);
  const result = await host.until(preparation);
  expect(result).toMatchObject({ kind: "ready", segment: { segment: 4, allocatedBytes: 1_048_576 } });
  expect(host.world.nowMs - startMs).toBeGreaterThan(3);
  expect(calls).toEqual([...Array.from({ length: 4 }, () => ["write 262144", "sync"]).flat(), "close"]);
  host.restart("everything");
  expect(host.machine.disk.files()).toEqual([{ path, sizeBytes: 1_048_576 }]);
});

test("in a hurry it makes no pauses", async () => {
  const durations: number[] = [];
  for (const isHurried of [false, true]) {
    host = new SimulatedHost({ seed: 5 });
    await host.prepare();
    const { disk, clock } = host.platform;
    const preparer = new SegmentPreparer({ disk, clock, directory: "/data", freeBytesMin: 0 });
    const startMs = host.world.nowMs;
    const preparation = start(preparer, 4 * 1_048_576);
    if (isHurried) preparer.hurry();
    await host.until(preparation);
    durations.push(host.world.nowMs - startMs);
  }
  expect(durations[1]).toBeLessThan((durations[0] as number) / 2);
});

test("stopped, it leaves no file behind", async () => {
  const { disk, clock } = host.platform;
  const preparer = new SegmentPreparer({ disk, clock, directory: "/data", freeBytesMin: 0 });
  const preparation = start(preparer, 8 * 1_048_576);
  await host.run(3);
  expect(host.machine.disk.files()).toHaveLength(1);
  await host.until(preparer.stop());
  expect(await preparation).toEqual({ kind: "stopped" });
  expect(host.machine.disk.files()).toEqual([]);
});

test.for([
  { freeBytes: 64 * 1_048_576, allocatedBytes: 32 * 1_048_576 },
  { freeBytes: 30 * 1_048_576, allocatedBytes: 16 * 1_048_576 },
  { freeBytes: 20.5 * 1_048_576, allocatedBytes: 16 * 1_048_576 },
  { freeBytes: 19.5 * 1_048_576, allocatedBytes: 0 },
  // Where a new segment frees older ones, it may be small and take the others' space.
  { freeBytes: 4.5 * 1_048_576, isScarce: true, allocatedBytes: 4 * 1_048_576 },
  { freeBytes: 300_000, isScarce: true, allocatedBytes: 262_144 },
  { freeBytes: 200_000, isScarce: true, allocatedBytes: 0 },
])("with $freeBytes bytes free, 4 MiB of them for others, it makes $allocatedBytes [D-7]", async (given) => {
  host.machine.disk.settings = { ...host.machine.disk.settings, capacityBytes: given.freeBytes };
  const { disk, clock } = host.platform;
  const preparer = new SegmentPreparer({ disk, clock, directory: "/data", freeBytesMin: 4 * 1_048_576 });
  const result = await host.until(start(preparer, 32 * 1_048_576, given.isScarce === true));
  const { allocatedBytes } = given;
  expect(result).toMatchObject(
    allocatedBytes === 0 ? { kind: "full" } : { kind: "ready", segment: { allocatedBytes } },
  );
});

test("space that ends half-way is given back", async () => {
  const { disk, clock } = host.platform;
  host.machine.disk.inject({ operation: "write", code: "ENOSPC", skip: 2 });
  const preparer = new SegmentPreparer({ disk, clock, directory: "/data", freeBytesMin: 0 });
  expect(await host.until(start(preparer, 4 * 1_048_576))).toEqual({ kind: "full" });
  expect(host.machine.disk.files()).toEqual([]);
});
