import { expect, test } from "vitest";
import { entryCommandTable, KeysAhead, keysAheadMax } from "../../keyspace/index.ts";
import { Arguments } from "../../resp/index.ts";
import { OwnLane } from "../groups/own-lane.ts";
import { ReadBatch } from "./read-batch.ts";

const get = entryCommandTable.get("GET");
const lane = new OwnLane(() => {});

function batchOf(keys: readonly string[]): ReadBatch {
  const batch = new ReadBatch();
  if (get === undefined) throw new Error("GET is no command of the keyspace");
  for (const [ticket, key] of keys.entries()) batch.add(lane, ticket, get, Arguments.of(["GET", key]));
  return batch;
}

function textsOf(keys: KeysAhead): string[] {
  return Array.from({ length: keys.count }, (_, at) => keys.bytes.latin1Slice(keys.starts[at], keys.ends[at]));
}

test("keys are read ahead from any place on, with the same keys object again and again", () => {
  const names = Array.from({ length: 3 * keysAheadMax - 5 }, (_, at) => `key-${at}`);
  const batch = batchOf(names);
  const keys = new KeysAhead();
  for (const from of [0, keysAheadMax, 2 * keysAheadMax, 0]) {
    batch.readAhead(from, keys, new Arguments());
    expect(textsOf(keys)).toEqual(names.slice(from, from + keysAheadMax));
  }
});
