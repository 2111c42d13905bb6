import { beforeEach, describe, expect, test } from "vitest";
import {
  emptyEntry,
  entries,
  entry,
  hardState,
  openLog,
  plain,
  readAll,
  SimulatedHost,
  write,
} from "../../test/log/fixture.ts";
import type { DiskOperation } from "../simulation/index.ts";
import type { Log } from "./log.ts";
import type { LogDiskError } from "./log-errors.ts";
import type { LogOptions } from "./log-settings.ts";

let host: SimulatedHost;
beforeEach(() => {
  host = new SimulatedHost();
});

const options: Partial<LogOptions> = { segmentBytes: 65_536, freeBytesMin: 0, fullRetryMs: 100, idleMarkMs: 1_000_000 };

interface Opened {
  readonly log: Log;
  readonly failures: LogDiskError[];
}

async function open(more: Partial<LogOptions> = {}): Promise<Opened> {
  const { log } = await openLog(host, { ...options, ...more });
  const failures: LogDiskError[] = [];
  log.onFailure((error) => failures.push(error));
  return { log, failures };
}

/** Appends and flushes; says later whether it has become durable. */
function tryWrite(log: Log, group: number, records: Parameters<typeof write>[2]): { isDone: boolean } {
  const attempt = { isDone: false };
  void write(log, group, records).then(() => {
    attempt.isDone = true;
  });
  return attempt;
}

/** From now on the disk has no byte left; the returned function makes space again. */
function fill(): () => void {
  const { disk } = host.machine;
  disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes };
  return () => {
    disk.settings = { ...disk.settings, capacityBytes: 2 ** 30 };
  };
}

describe("a disk that fails", () => {
  test.for<{ operation: DiskOperation; code: string }>([
    { operation: "sync", code: "EIO" },
    { operation: "sync", code: "ENOSPC" },
    { operation: "sync", code: "EDQUOT" },
    { operation: "write", code: "EIO" },
    { operation: "write", code: "EROFS" },
  ])("$operation: $code ends the log; nothing is tried again and nothing acknowledged [D-4, D-6]", async (fault) => {
    const { log, failures } = await open();
    await host.until(write(log, 1, { entries: entries(1, 2, 1), hardState: hardState(1, 1) }));
    host.machine.disk.inject(fault);
    const attempts = [
      tryWrite(log, 1, { entries: entries(3, 3, 1) }),
      tryWrite(log, 2, { hardState: hardState(5, 1) }),
    ];
    await host.run(5_000);
    attempts.push(tryWrite(log, 1, { entries: entries(4, 4, 1) }));
    await host.run(5_000);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: "LOG_DISK_FAILED", outcome: "unknown", cause: { code: fault.code } });
    expect(attempts.map((attempt) => attempt.isDone)).toEqual([false, false, false]);
    await host.until(log.close());
    host.restart("everything");
    const again = await open();
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 2, 1)));
  });

  test.for<{ operation: DiskOperation }>([
    { operation: "sync" },
    { operation: "write" },
    { operation: "open" },
    { operation: "rename" },
  ])("while the next segment is prepared: $operation EIO ends the log too [D-4, D-6]", async ({ operation }) => {
    const { log, failures } = await open();
    host.machine.disk.inject({ operation, code: "EIO", matches: (path) => path.endsWith(".preparing") });
    for (let index = 1; index <= 12 && failures.length === 0; index++) {
      tryWrite(log, 1, { entries: entries(index, index, 1, 3_000) });
      await host.run(10);
    }
    expect(failures).toMatchObject([{ code: "LOG_DISK_FAILED" }]);
    const known = log.sizeBytes;
    await host.run(1_000);
    expect(log.sizeBytes).toBe(known);
  });

  test("a failure that came before anyone listened is told to whoever listens", async () => {
    const { log } = await openLog(host, options);
    host.machine.disk.inject({ operation: "sync", code: "EIO" });
    tryWrite(log, 1, { entries: entries(1, 1, 1) });
    await host.run(100);
    const failures: LogDiskError[] = [];
    log.onFailure((error) => failures.push(error));
    expect(failures).toMatchObject([{ code: "LOG_DISK_FAILED" }]);
  });

  test("an error at any call of a start is refused, and the next start finds everything [D-6]", async () => {
    const first = await open();
    for (let index = 1; index <= 30; index++)
      await host.until(write(first.log, 1, { entries: entries(index, index, 1, 3_000) }));
    host.restart();
    const operations = ["open", "read", "write", "sync", "rename", "list", "stat"] as const;
    for (const operation of operations) {
      for (let skip = 0; ; skip++) {
        const lift = host.machine.disk.inject({ operation, code: operation === "read" ? "EACCES" : "EIO", skip });
        const outcome = await open().then(
          () => "opened",
          (error: unknown) => error,
        );
        lift();
        host.restart();
        if (outcome === "opened") break;
        expect(outcome).toMatchObject({ code: "LOG_DISK_FAILED" });
        // The power goes as well: whatever had been done must not be needed.
        host.restart("random");
      }
    }
    const again = await open();
    expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 30, 1, 3_000)));
  });

  test("where a start cannot remove what is left over it goes on", async () => {
    const first = await open();
    await host.until(write(first.log, 1, { entries: entries(1, 2, 1) }));
    host.restart();
    host.machine.disk.inject({ operation: "remove", code: "EIO", count: 10 });
    host.machine.disk.inject({ operation: "truncate", code: "EIO", count: 10 });
    const second = await open();
    expect(second.log.group(1).lastIndex).toBe(2);
    host.restart();
    expect((await open()).log.group(1).lastIndex).toBe(2);
  });
});

describe("a full disk", () => {
  test.for(["ENOSPC", "EDQUOT", "ESHORT"])(
    "%s: what was queued is kept and written once there is space [D-6, D-7]",
    async (code) => {
      const { log, failures } = await open();
      await host.until(write(log, 1, { entries: entries(1, 1, 1) }));
      const lift = host.machine.disk.inject({ operation: "write", code, count: Number.POSITIVE_INFINITY });
      const attempts = [
        tryWrite(log, 1, { entries: entries(2, 4, 1) }),
        tryWrite(log, 2, { entries: entries(1, 1, 1), hardState: hardState(1, 1) }),
      ];
      await host.run(1_000);
      expect(log.isFull).toBe(true);
      expect(attempts.map((attempt) => attempt.isDone)).toEqual([false, false]);
      expect(log.group(1).lastIndex).toBe(4);
      lift();
      await host.run(200);
      expect(attempts.map((attempt) => attempt.isDone)).toEqual([true, true]);
      expect(log.isFull).toBe(false);
      expect(failures).toEqual([]);
      host.restart("everything");
      const again = await open();
      expect(plain(await host.until(readAll(again.log, 1)))).toEqual(plain(entries(1, 4, 1)));
      expect(again.log.group(2).hardState).toEqual(hardState(1, 1));
    },
  );

  test("votes, terms and a leader's empty entry are written when other entries no longer are, also where entries wait in other groups [D-7]", async () => {
    const { log } = await open({ segmentBytes: 131_072 });
    const makeSpace = fill();
    let index = 0;
    let last = { isDone: true };
    while (last.isDone) {
      index++;
      last = tryWrite(log, 1, { entries: [entry(index, 1)] });
      await host.run(50);
      if (index === 12) expect(log.isFull).toBe(false);
    }
    expect(log.isFull).toBe(true);
    for (let term = 2; term <= 3; term++) {
      const vote = tryWrite(log, 2, { hardState: hardState(term, 3) });
      await host.run(50);
      expect(vote.isDone).toBe(true);
    }
    // Nor would reads go on after an election without the entry by which a leader begins its term.
    const empty = tryWrite(log, 3, { entries: [emptyEntry(1, 3)] });
    await host.run(1_000);
    expect([empty.isDone, last.isDone]).toEqual([true, false]);
    makeSpace();
    await host.run(1_000);
    expect([last.isDone, log.isFull]).toEqual([true, false]);
    host.restart("everything");
    const again = await open();
    expect(again.log.group(1).lastIndex).toBe(index);
    expect(again.log.group(2).hardState).toEqual(hardState(3, 3));
    expect(again.log.group(3).lastIndex).toBe(1);
  });

  test("it is full, too, once what waits does not fit into what is left, however much that is [D-7]", async () => {
    const { log } = await open({ segmentBytes: 131_072 });
    const makeSpace = fill();
    let index = 0;
    // The next segment is asked for, and refused, behind the first quarter.
    while (index < 10) {
      await host.until(write(log, 1, { entries: [entry(++index, 1)] }));
      await host.run(50);
    }
    expect(log.isFull).toBe(false);
    const large = tryWrite(log, 1, { entries: entries(index + 1, index + 1, 1, 90_000) });
    await host.run(50);
    expect([large.isDone, log.isFull]).toEqual([false, true]);
    const vote = tryWrite(log, 2, { hardState: hardState(2, 3) });
    await host.run(50);
    expect(vote.isDone).toBe(true);
    makeSpace();
    await host.run(1_000);
    expect([large.isDone, log.isFull]).toEqual([true, false]);
  });

  test("when it has no space even for votes they wait for it too, and the node lives [D-7]", async () => {
    const { log, failures } = await open();
    const lift = host.machine.disk.inject({ operation: "write", code: "ENOSPC", count: Number.POSITIVE_INFINITY });
    const vote = tryWrite(log, 1, { hardState: hardState(2, 1) });
    await host.run(3_000);
    expect([vote.isDone, log.isFull, failures.length]).toEqual([false, true, 0]);
    lift();
    await host.run(200);
    expect([vote.isDone, log.isFull]).toEqual([true, false]);
  });

  test("the state ends by itself also when nothing is appended [D-7]", async () => {
    const { log } = await openLog(host, { ...options, idleMarkMs: 10 });
    await host.until(write(log, 1, { entries: entries(1, 1, 1) }));
    // The mark of the idle log is what finds no space.
    const lift = host.machine.disk.inject({ operation: "write", code: "ENOSPC", count: Number.POSITIVE_INFINITY });
    await host.run(500);
    expect(log.isFull).toBe(true);
    lift();
    await host.run(500);
    expect(log.isFull).toBe(false);
  });

  test("where a segment could not be begun for want of space nothing more goes into the one before it [D-4, D-7]", async () => {
    const { log } = await open();
    let index = 0;
    const next = (): string => `${String(log.diskEpoch + 1).padStart(12, "0")}.segment`;
    while (!host.files().has(next())) await host.until(write(log, 1, { entries: entries(++index, index, 1, 3_000) }));
    await host.run(20);
    const epoch = log.diskEpoch;
    // The header of the next segment reaches the disk, and the batch behind it does not.
    host.machine.disk.inject({ operation: "write", code: "ENOSPC", matches: (path) => path.endsWith(next()) });
    const large = tryWrite(log, 1, { entries: entries(index + 1, index + 1, 1, 200_000) });
    const vote = tryWrite(log, 2, { hardState: hardState(3, 1) });
    await host.run(20);
    expect([large.isDone, vote.isDone, log.diskEpoch]).toEqual([false, true, epoch + 1]);
    host.restart("everything");
    const again = await open();
    expect(again.log.group(1).lastIndex).toBe(index);
    expect(again.log.group(2).hardState).toEqual(hardState(3, 1));
  });

  test("space is left to others: with too little free no segment is made [D-7]", async () => {
    const { log } = await open({ freeBytesMin: 2 ** 29 });
    const { disk } = host.machine;
    disk.settings = { ...disk.settings, capacityBytes: disk.usedBytes + 2 ** 29 };
    for (let index = 1; index <= 14; index++) {
      tryWrite(log, 1, { entries: entries(index, index, 1, 3_000) });
      await host.run(50);
    }
    expect(log.isFull).toBe(true);
    expect(disk.freeBytes).toBe(2 ** 29);
  });

  test("a start needs little space, gives back what the last one prepared, and says when there is none", async () => {
    const first = await open();
    for (let index = 1; index <= 20; index++)
      await host.until(write(first.log, 1, { entries: entries(index, index, 1, 3_000) }));
    await host.run(1_000);
    host.restart();
    fill();
    const second = await open();
    expect(second.log.group(1).lastIndex).toBe(20);
    host.restart();
    fill();
    await expect(open()).rejects.toMatchObject({ code: "LOG_DISK_FULL", outcome: "notApplied" });
    expect([...host.files().keys()].filter((name) => name.endsWith(".opening"))).toHaveLength(1);
    host.machine.disk.settings = { ...host.machine.disk.settings, capacityBytes: 2 ** 30 };
    host.restart();
    expect((await open()).log.group(1).lastIndex).toBe(20);
  });

  test("closing while the disk is full ends, and acknowledges nothing", async () => {
    const { log } = await open();
    host.machine.disk.inject({ operation: "write", code: "ENOSPC", count: Number.POSITIVE_INFINITY });
    const attempt = tryWrite(log, 1, { entries: entries(1, 1, 1) });
    await host.run(50);
    await host.until(log.close());
    await host.run(1_000);
    expect(attempt.isDone).toBe(false);
  });
});
