import { expect, test } from "vitest";
import { type AppendEntries, type Entry, noData } from "../../raft/index.ts";
import { vitalPart } from "./vital-part.ts";

/** `e` is empty, `c` a change of the members, `o` an ordinary entry: 76 bytes and what the log adds to them. */
function append(kinds: string): AppendEntries {
  const entries = [...kinds].map((kind, at): Entry => {
    const index = 11 + at;
    if (kind === "c") return { kind: "configuration", term: 2, index, change: { transition: "auto", changes: [] } };
    return { kind: "normal", term: 2, index, data: kind === "e" ? noData : new Uint8Array(76) };
  });
  return { type: "appendEntries", from: 1, to: 2, term: 2, previousIndex: 10, previousTerm: 1, entries, commit: 10 };
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
  const part = vitalPart(whole, given.beforeBytesMax);
  expect(part).toEqual(given.taken === undefined ? undefined : append(given.taken));
  if (given.taken === given.kinds) expect(part).toBe(whole);
});
