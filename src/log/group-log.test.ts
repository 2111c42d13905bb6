import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  configurationEntry,
  entries,
  entry,
  hardState,
  openLog,
  plain,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import { MemoryLog } from "./memory-log.ts";
import type { NodeLog } from "./node-log.ts";

let host: SimulatedHost;
let log: NodeLog;

const logs: readonly { readonly name: string; readonly open: () => Promise<NodeLog> }[] = [
  { name: "on disk", open: async () => (await openLog(host)).log },
  { name: "in memory", open: () => Promise.resolve(new MemoryLog({ clock: host.platform.clock })) },
];

describe.for(logs)("a group's log $name", ({ open }) => {
  beforeEach(async () => {
    host = new SimulatedHost();
    log = await open();
  });
  afterEach(() => host.until(log.close()));

  function append(group: number, records: Parameters<typeof write>[2], done = (): void => {}): void {
    log.append(group, { entries: records.entries ?? [], hardState: records.hardState, snapshot: undefined }, done);
  }

  test("a new group is empty, at term 0, without a vote", () => {
    const group = log.group(5);
    expect([group.group, group.firstIndex, group.lastIndex, group.term(0), group.isDamaged]).toEqual([
      5,
      1,
      0,
      0,
      false,
    ]);
    expect(group.hardState).toEqual(hardState(0, undefined, 0));
    expect(group.entries(1, 1, 100)).toEqual([]);
    expect(log.group(5)).toBe(group);
  });

  test("what was appended can be read at once, durable or not", () => {
    append(1, { entries: [entry(1, 1), configurationEntry(2, 1), entry(3, 4)], hardState: hardState(4, 2, 1) });
    const group = log.group(1);
    expect([group.lastIndex, group.term(1), group.term(2), group.term(3)]).toEqual([3, 1, 1, 4]);
    expect(group.entries(1, 4, 1_000)).toEqual([entry(1, 1), configurationEntry(2, 1), entry(3, 4)]);
    expect(group.hardState).toEqual(hardState(4, 2, 1));
  });

  test("a limit of bytes is kept, save that one entry always passes", () => {
    append(1, { entries: entries(1, 5, 1, 100) });
    const group = log.group(1);
    expect([0, 99, 100, 199, 200, 350].map((bytes) => group.entries(2, 6, bytes).length)).toEqual([1, 1, 1, 1, 2, 3]);
    expect(group.entries(2, 4, 1e9)).toHaveLength(2);
  });

  test("entries replace what stands at and above them [O-4]", () => {
    append(1, { entries: entries(1, 6, 1) });
    append(1, { entries: [entry(3, 2), entry(4, 2)] });
    const group = log.group(1);
    expect(group.lastIndex).toBe(4);
    expect(plain(group.entries(1, 5, 1_000) as never)).toEqual(plain([...entries(1, 2, 1), ...entries(3, 4, 2)]));
  });

  test("callbacks come after the call, in order, each once", async () => {
    const order: number[] = [];
    for (let index = 1; index <= 5; index++) {
      append(1, { entries: [entry(index, 1)], hardState: hardState(1, 1, index - 1) }, () => order.push(index));
      append(1, { hardState: hardState(1, 1, index) }, () => order.push(index + 0.5));
      if (index === 3) log.flush();
    }
    expect(order).toEqual([]);
    log.flush();
    await host.run(100);
    expect(order).toEqual([1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5]);
  });

  test("a callback may append and flush", async () => {
    let count = 0;
    const next = (): void => {
      count++;
      if (count === 20) return;
      append(1, { entries: [entry(count + 1, 1)] }, next);
      append(2, { hardState: hardState(1, 1, 0) });
      log.flush();
    };
    append(1, { entries: [entry(1, 1)] }, next);
    log.flush();
    await host.run(100);
    expect([count, log.group(1).lastIndex]).toEqual([20, 20]);
  });

  test("what would break a log is a bug of the caller, and asserted", () => {
    append(1, { entries: entries(1, 3, 2), hardState: hardState(2, 1, 2) });
    const bad: readonly (readonly [Parameters<typeof write>[2], string])[] = [
      [{ entries: [entry(5, 2)] }, "no gap"],
      [{ entries: [entry(0, 2)] }, "within the log"],
      [{ entries: [entry(4, 1)] }, "do not fall"],
      [{ entries: [entry(4, 2), entry(6, 2)] }, "follow each other"],
      [{ hardState: hardState(1, 1) }, "does not go back"],
      [{ hardState: hardState(2, 1, 9) }, "past the log"],
    ];
    for (const [records, message] of bad) expect(() => append(1, records)).toThrow(message);
    expect(() => log.group(-1)).toThrow("a whole number from 0");
    expect(() => log.group(1).term(99)).toThrow("not in the log");
    expect(() => log.group(1).entries(1, 99, 1)).toThrow("not in the log");
    const snapshot = { index: 1, term: 1, data: new Uint8Array(0) } as never;
    expect(() => log.append(1, { entries: [], hardState: undefined, snapshot }, () => {})).toThrow(
      "received before it is installed",
    );
  });

  test("its size is known, and it has a disk epoch", async () => {
    const before = log.sizeBytes;
    await host.until(write(log, 1, { entries: entries(1, 1, 1, 10_000) }));
    expect(log.sizeBytes - before).toBeGreaterThan(10_000);
    expect(log.diskEpoch).toBe(1);
    expect(log.isFull).toBe(false);
  });
});

test("a log in memory is full above its limit", () => {
  host = new SimulatedHost();
  const memory = new MemoryLog({ clock: host.platform.clock, bytesMax: 5_000 });
  const records = { entries: entries(1, 4, 1, 1_000), hardState: undefined, snapshot: undefined };
  memory.append(1, records, () => {});
  expect(memory.isFull).toBe(false);
  memory.append(1, { ...records, entries: entries(5, 6, 1, 1_000) }, () => {});
  expect(memory.isFull).toBe(true);
});

test("a log in memory calls nobody back once it is closed", async () => {
  host = new SimulatedHost();
  const memory = new MemoryLog({ clock: host.platform.clock });
  memory.append(1, { entries: entries(1, 1, 1), hardState: undefined, snapshot: undefined }, () => {
    throw new Error("it was closed");
  });
  memory.flush();
  await memory.close();
  await host.run(10);
});
