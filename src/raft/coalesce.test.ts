import { expect, test } from "vitest";
import { entriesForTest } from "../../test/raft/messages.ts";
import { coalesce } from "./coalesce.ts";
import type { Message } from "./message.ts";

const envelope = { from: 1, to: 2, term: 3 };

function append(previousIndex: number, count: number, commit: number, to = 2): Message {
  const entries = entriesForTest(previousIndex + 1, count);
  return { type: "appendEntries", ...envelope, to, previousIndex, previousTerm: 3, entries, commit };
}

function heartbeat(readRound: number, commit = 5): Message {
  return { type: "heartbeat", ...envelope, commit, readRound };
}

function accepted(index: number): Message {
  return { type: "appendEntriesResponse", ...envelope, index, rejected: false, hintIndex: 0, hintTerm: 0 };
}

function rejected(index: number): Message {
  return { type: "appendEntriesResponse", ...envelope, index, rejected: true, hintIndex: 1, hintTerm: 1 };
}

test.for([
  { name: "an empty append before one with entries", sent: [append(5, 0, 5), append(5, 2, 5)], left: [1] },
  { name: "empty appends before an empty append", sent: [append(5, 0, 4), append(5, 0, 5)], left: [1] },
  { name: "never one with entries", sent: [append(5, 1, 5), append(6, 0, 6)], left: [0, 1] },
  { name: "not before one to somebody else", sent: [append(5, 0, 5), append(5, 0, 5, 3)], left: [0, 1] },
  { name: "not before one that tells less", sent: [append(5, 0, 5), append(3, 2, 4)], left: [0, 1] },
  { name: "heartbeats before a heartbeat", sent: [heartbeat(1), heartbeat(2), heartbeat(3)], left: [2] },
  { name: "not a heartbeat that confirms more", sent: [heartbeat(2), heartbeat(0)], left: [0, 1] },
  { name: "acknowledgements before a later one", sent: [accepted(4), accepted(5), accepted(7)], left: [2] },
  { name: "no refusal, and nothing before one", sent: [accepted(4), rejected(9), accepted(7)], left: [0, 1, 2] },
])("left out: $name", ({ sent, left }) => {
  expect(coalesce(sent)).toEqual(left.map((place) => sent[place]));
});
