import { expect, test } from "vitest";
import { MemoryLog } from "../../log/index.ts";
import { emptyConfiguration } from "../../raft/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { type FollowerProgress, logCut } from "./log-cut.ts";

const follower: FollowerProgress = {
  isFull: false,
  id: 2,
  kind: "replicate",
  isLearner: false,
  matchIndex: 100,
  nextIndex: 101,
  isPaused: false,
  pendingSnapshotIndex: 0,
  isRecentlyActive: true,
  isActiveSinceCheck: true,
  inflightCount: 0,
  isInflightFull: false,
};

/** A hundred entries of some hundred bytes, and a snapshot at 80. */
async function grown() {
  const world = new SimulatedWorld({ seed: 1 });
  const log = new MemoryLog({ clock: world.machine("n1").start().clock });
  const data = new Uint8Array(100);
  const entries = Array.from({ length: 100 }, (_, at) => ({ kind: "normal" as const, term: 1, index: at + 1, data }));
  log.append(1, { entries, hardState: { term: 1, vote: undefined, commit: 100 }, snapshot: undefined }, () => {});
  log.flush();
  await world.run(10);
  expect(logCut(log.group(1), [], { snapshotTailBytes: 0, snapshotLagBytesMax: 0 })).toBe(0);
  await log.createSnapshot(1, { index: 80, term: 1, configuration: emptyConfiguration }).commit();
  return { log: log.group(1), bytesFor: (count: number) => log.group(1).bytesAbove(100 - count) };
}

test.for([
  { what: "nothing above the snapshot goes", tail: 5, lag: 0, followers: [], cut: 80 },
  { what: "a tail stays", tail: 50, lag: 0, followers: [], cut: 50 },
  { what: "a tail that is longer than the log keeps all of it", tail: 500, lag: 0, followers: [], cut: 0 },
  { what: "what a live follower lacks stays", tail: 30, lag: 60, followers: [{ matchIndex: 45 }], cut: 45 },
  { what: "not beyond the bound", tail: 30, lag: 50, followers: [{ matchIndex: 45 }], cut: 70 },
  {
    what: "not for the dead",
    tail: 30,
    lag: 90,
    followers: [{ matchIndex: 45, isRecentlyActive: false }, { matchIndex: 60 }],
    cut: 60,
  },
  {
    what: "what follows a snapshot on its way stays, as well as that can be",
    tail: 20,
    lag: 45,
    followers: [{ kind: "snapshot" as const, matchIndex: 3, pendingSnapshotIndex: 58 }],
    cut: 58,
  },
  {
    what: "not what a full follower lacks, where the snapshot is less",
    tail: 30,
    lag: 95,
    followers: [{ isFull: true, matchIndex: 33 }, { matchIndex: 60 }],
    cut: 60,
  },
  {
    what: "what follows the snapshot for a full follower stays",
    tail: 20,
    lag: 45,
    followers: [{ isFull: true, kind: "snapshot" as const, matchIndex: 3, pendingSnapshotIndex: 58 }],
    cut: 58,
  },
  { what: "the slowest decides", tail: 20, lag: 95, followers: [{ matchIndex: 33 }, { matchIndex: 12 }], cut: 12 },
])("$what [N-6]", async ({ tail, lag, followers, cut }) => {
  const { log, bytesFor } = await grown();
  const limits = { snapshotTailBytes: bytesFor(Math.min(tail, 100)), snapshotLagBytesMax: bytesFor(lag) };
  const progress = followers.map((changes) => ({ ...follower, ...changes }));
  expect(logCut(log, progress, limits)).toBe(cut);
});
