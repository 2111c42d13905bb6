/** Of the keys that change while a snapshot is made, what it holds until their turn comes, and how much of that there may be. */
import { describe, expect, test } from "vitest";
import { chunksOf, filled, loaded, Replica, recordsOf } from "../../test/keyspace/replica.ts";
import { heldOverheadBytes } from "./held-records.ts";

const unbounded = { heldBytesMax: Number.POSITIVE_INFINITY };

describe("what a snapshot holds", () => {
  const names = Array.from({ length: 100 }, (_, at) => `k${at}`);

  test("is each key that changes before its turn, once, and is given back at its turn", () => {
    const replica = filled(names, 1_000);
    const ordered = names.toSorted(byPosition(replica));
    const [first, middle, last] = [ordered[0], ordered[49], ordered[99]];
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    const held = heldOverheadBytes + (last as string).length + 1_000;
    snapshot.next(2_000);
    replica.write(2, ["SET", first as string, "passed"]);
    expect(snapshot.heldBytes).toBe(0);
    replica.write(2, ["SET", last as string, "new"], ["APPEND", last as string, "more"], ["DEL", last as string]);
    expect(snapshot.heldBytes).toBe(held);
    replica.write(2, ["APPEND", middle as string, "more"]);
    expect(snapshot.heldBytes).toBeGreaterThan(held);
    while (snapshot.keyCount <= 50) snapshot.next(1_100);
    expect(snapshot.heldBytes).toBe(held);
    replica.write(2, ["SET", last as string, "again"], ["PEXPIRE", last as string, "1000"]);
    replica.write(3, ["FLUSHALL"]);
    expect(snapshot.heldBytes).toBeGreaterThan(held);
    for (const _ of chunksOf(snapshot));
    expect(snapshot.heldBytes).toBe(0);
  });

  test("is one key a write, however many keys a hash tag has put into one slot [N-8]", () => {
    const replica = filled(Array.from({ length: 20_000 }, (_, at) => `{tag}${10_000 + at}`));
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    snapshot.next(1_000);
    let writes = 0;
    for (let before = 0; writes < 1_000; before = snapshot.heldBytes) {
      replica.write(2, ["APPEND", `{tag}${10_000 + 19 * writes++}`, "x"]);
      const grownBytes = snapshot.heldBytes - before;
      // None of those few that have been passed.
      expect([0, heldOverheadBytes + 10 + 10]).toContain(grownBytes);
    }
    expect(snapshot.heldBytes).toBeGreaterThan(990 * (heldOverheadBytes + 20));
    snapshot.close();
  });

  test("is nothing for new keys, reads, and writes that change nothing", () => {
    const replica = filled(names);
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    replica.write(
      2,
      ["SET", "new", "v"],
      ["DEL", "new", "other"],
      ["GET", "k1"],
      ["GETEX", "k1"],
      ["SETNX", "k1", "v"],
      ["MSETNX", "k1", "v", "k2", "v"],
      ["SET", "k1", "v", "NX"],
      ["INCR", "k1"],
      ["SETRANGE", "k1", "5", ""],
      ["PERSIST", "k1"],
      ["EXPIRE", "k1", "100", "XX"],
      ["COPY", "k1", "copy"],
      ["COPY", "k1", "k2"],
      ["RENAMENX", "k1", "k2"],
      ["RENAME", "copy", "copy2"],
    );
    expect(snapshot.heldBytes).toBe(0);
    for (const words of [
      ["EXPIRE", "k1", "100"],
      ["RENAME", "k2", "k3"],
      ["EXPIRE", "k4", "-1"],
    ]) {
      const before = snapshot.heldBytes;
      replica.write(2, words);
      expect(snapshot.heldBytes).toBeGreaterThan(before);
    }
    snapshot.close();
  });

  test("is bounded: one byte more abandons the snapshot, and the keyspace goes on", () => {
    const replica = filled(names, 1_000);
    const oneKey = heldOverheadBytes + 2 + 1_000;
    const snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: 3 * oneKey });
    snapshot.next(64);
    replica.write(2, ["SET", "k1", "a"], ["SET", "k2", "a"], ["SET", "k3", "a"]);
    expect(snapshot.isAbandoned).toBe(false);
    replica.write(2, ["SET", "k4", "a"]);
    expect(snapshot.isAbandoned).toBe(true);
    expect(snapshot.heldBytes).toBe(0);
    expect(() => snapshot.next()).toThrow("abandoned");
    replica.write(2, ["SET", "k5", "a"]);
    snapshot.close();
    const again = replica.keyspace.beginSnapshot(unbounded);
    snapshot.close();
    replica.write(3, ["SET", "k6", "b"]);
    expect(again.heldBytes).toBe(oneKey);
    expect(new Replica(loaded(chunksOf(again))).run(["GET", "k6"])).toBe("v".repeat(1_000));
  });

  test("is freed by closing, which ends the snapshot", () => {
    const replica = filled(names);
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    snapshot.next(500);
    replica.write(2, ["DEL", ...names]);
    expect(snapshot.heldBytes).toBeGreaterThan(0);
    snapshot.close();
    snapshot.close();
    expect(snapshot.heldBytes).toBe(0);
    expect(snapshot.digest).toBe(undefined);
    expect(() => snapshot.next()).toThrow("closed");
    expect(() => replica.keyspace.beginSnapshot(unbounded)).not.toThrow();
  });

  test("one snapshot lives at a time, and ends with its last chunk", () => {
    const replica = filled(names);
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    expect(() => replica.keyspace.beginSnapshot(unbounded)).toThrow("another one");
    for (const _ of chunksOf(snapshot));
    expect(snapshot.next()).toBe(undefined);
    expect(snapshot.keyCount).toBe(100);
    replica.keyspace.beginSnapshot(unbounded).close();
  });
});

/** The logical order. */
function byPosition(replica: Replica): (a: string, b: string) => number {
  const keys = [...recordsOf(replica.keyspace)].map(({ key }) => key);
  return (a, b) => keys.indexOf(a) - keys.indexOf(b);
}
