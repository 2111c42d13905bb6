import { expect, test } from "vitest";
import { logWith, newWorld, snapshotIndex } from "../../../test/cluster/snapshot-fixture.ts";
import { keyspaceOf } from "../../../test/keyspace/contents.ts";
import { isLostSnapshot, loadKeyspace } from "./snapshot-loading.ts";

/** The whole stream of a state in which everything up to `appliedIndex` is applied. */
function streamAt(appliedIndex: number): Buffer {
  const record = { key: "k", value: "v", deadline: undefined, revision: 1 };
  const keyspace = keyspaceOf({ appliedIndex, clockMs: 5_000, semanticsLevel: 1 }, [record]);
  const snapshot = keyspace.beginSnapshot({ heldBytesMax: 1 });
  const chunks: Uint8Array[] = [];
  for (let chunk = snapshot.next(); chunk !== undefined; chunk = snapshot.next()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function loadedFrom(stream: Uint8Array): Promise<unknown> {
  const world = newWorld();
  const { clock } = world.machine("n1").start();
  const loading = logWith(clock, stream).then((log) => loadKeyspace(log, 1));
  return await world.until(loading.catch((error: unknown) => error));
}

test("a snapshot is loaded as the state of the index that the log names it for", async () => {
  const keyspace = await loadedFrom(streamAt(snapshotIndex));
  expect(keyspace).toMatchObject({ appliedIndex: snapshotIndex, keyCount: 1 });
});

test.for([snapshotIndex - 1, snapshotIndex + 1])(
  "a snapshot named for another index than the %i that its state has applied is lost: no entry would be left out, or applied twice [O-7]",
  async (appliedIndex) => {
    const error = await loadedFrom(streamAt(appliedIndex));
    expect(error).toMatchObject({
      code: "SNAPSHOT_FORMAT",
      message: expect.stringContaining(`index ${snapshotIndex} holds the state of index ${appliedIndex}`),
    });
    expect(error instanceof Error && isLostSnapshot(error)).toBe(true);
  },
);
