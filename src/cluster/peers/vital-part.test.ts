import { expect, test } from "vitest";
import { EntryWriter } from "../../keyspace/index.ts";
import { type AppendEntries, type Entry, noData } from "../../raft/index.ts";
import { Arguments } from "../../resp/index.ts";
import { vitalPart } from "./vital-part.ts";

/** `e` is empty, `c` a change of the members, `f` only frees space, `o` is ordinary: 76 bytes each and what the log adds to them. */
function append(kinds: string): AppendEntries {
  const entries = [...kinds].map((kind, at): Entry => {
    const index = 11 + at;
    if (kind === "c") return { kind: "configuration", term: 2, index, change: { transition: "auto", changes: [] } };
    return {
      kind: "normal",
      term: 2,
      index,
      data: kind === "e" ? noData : kind === "f" ? deleting() : new Uint8Array(76),
    };
  });
  return { type: "appendEntries", from: 1, to: 2, term: 2, previousIndex: 10, previousTerm: 1, entries, commit: 10 };
}

function deleting(): Uint8Array {
  const writer = new EntryWriter();
  writer.begin();
  writer.add(Arguments.of(["DEL", "x".repeat(49)]));
  return writer.finish({ timeMs: 1, seedLow: 0, seedHigh: 0 });
}

test.for([
  { kinds: "", beforeBytesMax: 0, taken: "" },
  { kinds: "ec", beforeBytesMax: 0, taken: "ec" },
  { kinds: "eo", beforeBytesMax: 0, taken: "e" },
  { kinds: "o", beforeBytesMax: 0, taken: undefined },
  { kinds: "oe", beforeBytesMax: 0, taken: undefined },
  { kinds: "oe", beforeBytesMax: 99, taken: undefined },
  { kinds: "oe", beforeBytesMax: 100, taken: "oe" },
  { kinds: "ooo", beforeBytesMax: 1_000, taken: undefined },
  { kinds: "ooeooc", beforeBytesMax: 1_000, taken: "ooeooc" },
  { kinds: "ooeooco", beforeBytesMax: 1_000, taken: "ooeooc" },
  { kinds: "ooeooc", beforeBytesMax: 399, taken: "ooe" },
  { kinds: "eooc", beforeBytesMax: 100, taken: "e" },
])("of $kinds with $beforeBytesMax bytes before what is vital a full node takes $taken [D-7]", (given) => {
  const whole = append(given.kinds);
  const part = vitalPart(whole, { beforeVitalBytes: given.beforeBytesMax, freeingBytes: 0 });
  expect(part).toEqual(given.taken === undefined ? undefined : append(given.taken));
  if (given.taken === given.kinds) expect(part).toBe(whole);
});

test.for([
  { kinds: "f", freeingBytes: 0, taken: undefined },
  { kinds: "f", freeingBytes: 99, taken: undefined },
  { kinds: "f", freeingBytes: 100, taken: "f" },
  { kinds: "off", freeingBytes: 199, taken: undefined },
  { kinds: "off", freeingBytes: 200, taken: "of" },
  { kinds: "offo", freeingBytes: 300, taken: "off" },
  { kinds: "foeo", freeingBytes: 100, taken: "foe" },
  { kinds: "oooof", freeingBytes: 1_000, taken: undefined },
  { kinds: "eo", freeingBytes: 1_000, taken: "e" },
])("of $kinds with room for $freeingBytes bytes that only free space a full node takes $taken [D-7]", (given) => {
  const whole = append(given.kinds);
  const part = vitalPart(whole, { beforeVitalBytes: 300, freeingBytes: given.freeingBytes });
  expect(part).toEqual(given.taken === undefined ? undefined : append(given.taken));
});
