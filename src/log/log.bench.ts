/**
 * Group commit against the bare operation of the disk: one batch a time, in preallocated space, on the real disk. The
 * difference is what the log costs: encoding, checksums, bookkeeping, callbacks.
 */
import { afterAll, beforeAll, bench, describe } from "vitest";
import { filler, type Host, nodeHost, openLog } from "../../test/log/fixture.ts";
import type { DiskFile } from "../platform/index.ts";
import type { NormalEntry } from "../raft/index.ts";
import { blocksUp } from "./format.ts";
import type { Log } from "./log.ts";

const preallocatedBytes = 64 * 1_048_576;

let host: Host;
let log: Log;
let file: DiskFile;
let position = 0;
const nextIndex = new Map<number, number>();

beforeAll(async () => {
  host = await nodeHost();
  log = (await openLog(host, { cacheBytesPerGroupMax: 1_048_576 })).log;
  file = await host.platform.disk.open(`${host.directory}/../bare`, "create");
  await new Promise<void>((resolve) => {
    file.writeAndSync(new Uint8Array(preallocatedBytes), 0, () => resolve());
  });
});

afterAll(async () => {
  await log.close();
  await file.close();
  await host.close();
});

function entriesOf(group: number, count: number, data: Uint8Array): readonly NormalEntry[] {
  const first = nextIndex.get(group) ?? 1;
  nextIndex.set(group, first + count);
  return Array.from(
    { length: count },
    (_, place) => ({ kind: "normal", term: 1, index: first + place, data }) as const,
  );
}

function logged(group: number, count: number, data: Uint8Array, done: () => void): void {
  log.append(group, { entries: entriesOf(group, count, data), hardState: undefined, snapshot: undefined }, done);
}

function bare(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (position + bytes.length > preallocatedBytes) position = 0;
    file.writeAndSync(bytes, position, (error) => (error === undefined ? resolve() : reject(error)));
    position += bytes.length;
  });
}

for (const { name, bytes } of [
  { name: "one entry of 64 bytes", bytes: 64 },
  { name: "one entry of 8 KiB (256 clients' SETs)", bytes: 8_192 },
  { name: "one entry of 64 KiB", bytes: 65_536 },
]) {
  describe(`a batch of ${name}`, () => {
    const data = filler(bytes, 1);
    const block = filler(blocksUp(bytes + 136), 1);
    bench("the log", () => {
      return new Promise<void>((resolve) => {
        logged(1, 1, data, resolve);
        log.flush();
      });
    });
    bench("bare write and sync", () => bare(block));
  });
}

describe("64 groups with an entry of 64 bytes each", () => {
  const data = filler(64, 1);
  const block = filler(blocksUp(64 + 64 * (48 + 24 + 64)), 1);
  bench("the log", () => {
    return new Promise<void>((resolve) => {
      let left = 64;
      const done = (): void => {
        if (--left === 0) resolve();
      };
      for (let group = 1; group <= 64; group++) logged(100 + group, 1, data, done);
      log.flush();
    });
  });
  bench("bare write and sync", () => bare(block));
});
