import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawFrom, RandomCommands } from "../../test/keyspace/random-commands.ts";
import { chunksOf, loaded, Replica, recordsOf } from "../../test/keyspace/replica.ts";
import type { Keyspace } from "./keyspace.ts";
import { frozenCopyOf } from "./value.ts";

const unbounded = { heldBytesMax: Number.POSITIVE_INFINITY };

/** All that a snapshot must hold, as plain data that no later change reaches. */
function contentOf(keyspace: Keyspace): unknown {
  const records = [...recordsOf(keyspace)].map(({ key, value, deadline, revision }) => {
    const frozen = frozenCopyOf(value);
    const [form, text] = typeof frozen === "string" ? ["plain", frozen] : [frozen.encoding, frozen.text()];
    return { key, form, text, deadline, revision };
  });
  const { logicalBytes, keyCount, deadlineCount } = keyspace;
  return { header: keyspace.header(), records, logicalBytes, keyCount, deadlineCount, due: keyspace.nextDeadlineMs() };
}

/** Applies random commands in entries of a few while a snapshot is made in steps of random sizes. */
function interleave(seed: number, chunkBytesMax: number): void {
  const draw = drawFrom(seed);
  const replica = new Replica();
  const twin = new Replica();
  let timeMs = 1_700_000_000_000;
  const commands = new RandomCommands(draw, { nowMs: timeMs, keyCount: 40, timeMin: 1, timeMax: 1_000 });
  const write = (): void => {
    timeMs += draw(80) - 10;
    commands.options.nowMs = timeMs;
    const batch = Array.from({ length: draw(6) }, () => commands.next());
    expect(replica.write(timeMs, ...batch)).toEqual(twin.write(timeMs, ...batch));
  };
  for (let entry = draw(40); entry >= 0; entry--) write();
  const content = contentOf(replica.keyspace);
  const digest = replica.keyspace.checksum();
  const snapshot = replica.keyspace.beginSnapshot(unbounded);
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = snapshot.next(1 + draw(chunkBytesMax));
    if (chunk === undefined) break;
    chunks.push(chunk);
    for (let entry = draw(3); entry > 0; entry--) write();
  }
  expect(snapshot.digest).toBe(digest);
  const copy = loaded(chunks);
  expect(contentOf(copy)).toEqual(content);
  expect(copy.checksum()).toBe(digest);
  expect(contentOf(replica.keyspace)).toEqual(contentOf(twin.keyspace));
  expect(replica.keyspace.checksum()).toBe(twin.keyspace.checksum());
}

describe("a snapshot made while entries are applied", () => {
  test.for([64, 200, 2_000, 20_000])(
    "is the state at its beginning, in steps of up to %i bytes [N-8]",
    (chunkBytes) => {
      fc.assert(
        fc.property(fc.nat(), (seed) => interleave(seed, chunkBytes)),
        { numRuns: 60 },
      );
    },
  );

  test("of an empty keyspace is empty", () => {
    const replica = new Replica();
    const snapshot = replica.keyspace.beginSnapshot(unbounded);
    replica.write(1, ["SET", "k", "v"]);
    const copy = loaded(chunksOf(snapshot));
    expect(copy.heldKeyCount).toBe(0);
    expect(copy.header()).toEqual({ appliedIndex: 0, clockMs: 0, semanticsLevel: 1 });
  });
});
