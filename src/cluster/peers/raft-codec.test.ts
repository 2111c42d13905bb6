import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../net/index.ts";
import type { Entry, Message } from "../../raft/index.ts";
import { raftMessageBytes, readRaftMessage, writeRaftMessage } from "./raft-codec.ts";

const integer = fc.maxSafeNat();
const smallIndex = fc.nat();
const change = fc.record({
  transition: fc.constantFrom("auto" as const, "implicit" as const, "explicit" as const),
  changes: fc.array(
    fc.record({ action: fc.constantFrom("addVoter" as const, "remove" as const, "update" as const), replica: integer }),
    { maxLength: 4 },
  ),
});
const body = fc.oneof(
  fc.record({ kind: fc.constant("normal" as const), term: integer, data: fc.uint8Array({ maxLength: 100 }) }),
  fc.record({ kind: fc.constant("configuration" as const), term: integer, change }),
);
const members = fc.array(integer, { maxLength: 5 });
const configuration = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  autoLeave: fc.boolean(),
  highestReplica: integer,
});
const envelope = { from: integer, to: integer, term: integer };

const message: fc.Arbitrary<Message> = fc.oneof(
  fc
    .record({ ...envelope, previousIndex: smallIndex, previousTerm: integer, commit: integer, bodies: fc.array(body) })
    .map(({ bodies, ...rest }): Message => {
      const entries = bodies.map((each, at): Entry => ({ ...each, index: rest.previousIndex + 1 + at }));
      return { type: "appendEntries", ...rest, entries };
    }),
  fc.record({
    type: fc.constant("appendEntriesResponse" as const),
    ...envelope,
    index: integer,
    rejected: fc.boolean(),
    hintIndex: integer,
    hintTerm: integer,
  }),
  fc.record({
    type: fc.constant("requestVote" as const),
    ...envelope,
    isPreVote: fc.boolean(),
    isTransfer: fc.boolean(),
    lastIndex: integer,
    lastTerm: integer,
  }),
  fc.record({
    type: fc.constant("requestVoteResponse" as const),
    ...envelope,
    isPreVote: fc.boolean(),
    granted: fc.boolean(),
    commit: integer,
    commitTerm: integer,
  }),
  fc.record({ type: fc.constant("heartbeat" as const), ...envelope, commit: integer, readRound: integer }),
  fc.record({ type: fc.constant("heartbeatResponse" as const), ...envelope, readRound: integer }),
  fc.record({ type: fc.constant("timeoutNow" as const), ...envelope }),
  fc.record({
    type: fc.constant("installSnapshot" as const),
    ...envelope,
    snapshot: fc.record({ index: integer, term: integer, configuration, data: fc.uint8Array({ maxLength: 30 }) }),
  }),
);

function encoded(each: Message): Buffer {
  const out = new ByteWriter();
  writeRaftMessage(out, 7, each);
  return out.finish();
}

function decoded(bytes: Buffer): Message | undefined {
  const input = new ByteReader();
  input.open(bytes, 0, bytes.length);
  input.integer();
  return readRaftMessage(input);
}

function plain(each: Message | undefined): unknown {
  return JSON.parse(JSON.stringify(each, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)));
}

/** JSON of a Buffer is made before the replacer sees it. */
function withPlainData(each: Message | undefined): Message | undefined {
  if (each?.type === "installSnapshot") {
    return { ...each, snapshot: { ...each.snapshot, data: Uint8Array.from(each.snapshot.data) } };
  }
  if (each?.type !== "appendEntries") return each;
  const entries = each.entries.map((entry) =>
    entry.kind === "normal" ? { ...entry, data: Uint8Array.from(entry.data) } : entry,
  );
  return { ...each, entries };
}

test("every message comes back as it was sent", () => {
  fc.assert(
    fc.property(message, (each) => {
      expect(plain(withPlainData(decoded(encoded(each))))).toEqual(plain(each));
    }),
  );
});

test("a message that is cut short or too long is not understood", () => {
  fc.assert(
    fc.property(message, fc.nat(), (each, where) => {
      const bytes = encoded(each);
      expect(decoded(bytes.subarray(0, 8 + (where % (bytes.length - 8))))).toBeUndefined();
      expect(decoded(Buffer.concat([bytes, Buffer.from([0])]))).toBeUndefined();
    }),
  );
});

test("random bytes are no message, or one without harm", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decoded(Buffer.from(bytes))));
});

test("the data of entries does not change with the buffer it came in", () => {
  const data = Buffer.from("value");
  const entries: Entry[] = [{ kind: "normal", term: 1, index: 1, data }];
  const each: Message = {
    type: "appendEntries",
    from: 1,
    to: 2,
    term: 1,
    previousIndex: 0,
    previousTerm: 0,
    entries,
    commit: 0,
  };
  const bytes = encoded(each);
  const read = decoded(bytes);
  bytes.fill(0);
  expect(read).toMatchObject({ entries: [{ data }] });
  expect(raftMessageBytes(each)).toBeGreaterThanOrEqual(encoded(each).length - 8);
});
