import { expect, test } from "vitest";
import { Progress } from "./progress.ts";

type Kind = Progress["kind"];

/** match 5, and what each state makes of it. In "replicate" entries 6 to 8 are under way; the snapshot is at 20. */
function progressIn(kind: Kind): Progress {
  const progress = new Progress(
    2,
    { nextIndex: 9, isLearner: false, isRecentlyActive: true },
    { messagesMax: 2, bytesMax: Number.POSITIVE_INFINITY },
  );
  progress.acknowledged(5);
  if (kind === "probe") progress.becomeProbe();
  if (kind === "replicate") progress.becomeReplicate();
  if (kind === "snapshot") progress.becomeSnapshot(20);
  if (kind !== "snapshot") progress.sent(3, 30, 5);
  return progress;
}

interface Outcome {
  readonly kind: Kind;
  readonly match: number;
  readonly next: number;
  readonly paused: boolean;
  readonly inflight: number;
}

const events = {
  becomeProbe: (progress: Progress) => progress.becomeProbe(),
  becomeReplicate: (progress: Progress) => progress.becomeReplicate(),
  becomeSnapshot: (progress: Progress) => progress.becomeSnapshot(30),
  "acknowledged what is known": (progress: Progress) => expect(progress.acknowledged(5)).toBe(false),
  "acknowledged 7": (progress: Progress) => expect(progress.acknowledged(7)).toBe(true),
  "acknowledged beyond what was sent": (progress: Progress) => expect(progress.acknowledged(25)).toBe(true),
  "rejected what is known": (progress: Progress) => expect(progress.rejected(3, 2)).toBe(false),
  "rejected the last probe": (progress: Progress) => progress.rejected(progress.nextIndex - 1, 1),
  reset: (progress: Progress) => progress.reset(0, 40),
} as const;

/** Every state × event, or it does not compile. */
const expected: Record<keyof typeof events, Record<Kind, Outcome>> = {
  becomeProbe: {
    probe: { kind: "probe", match: 5, next: 6, paused: false, inflight: 0 },
    replicate: { kind: "probe", match: 5, next: 6, paused: false, inflight: 0 },
    snapshot: { kind: "probe", match: 5, next: 21, paused: false, inflight: 0 },
  },
  becomeReplicate: {
    probe: { kind: "replicate", match: 5, next: 6, paused: false, inflight: 0 },
    replicate: { kind: "replicate", match: 5, next: 6, paused: false, inflight: 0 },
    snapshot: { kind: "replicate", match: 5, next: 6, paused: false, inflight: 0 },
  },
  becomeSnapshot: {
    probe: { kind: "snapshot", match: 5, next: 31, paused: true, inflight: 0 },
    replicate: { kind: "snapshot", match: 5, next: 31, paused: true, inflight: 0 },
    snapshot: { kind: "snapshot", match: 5, next: 31, paused: true, inflight: 0 },
  },
  "acknowledged what is known": {
    probe: { kind: "probe", match: 5, next: 6, paused: true, inflight: 0 },
    replicate: { kind: "replicate", match: 5, next: 9, paused: false, inflight: 1 },
    snapshot: { kind: "snapshot", match: 5, next: 21, paused: true, inflight: 0 },
  },
  "acknowledged 7": {
    probe: { kind: "probe", match: 7, next: 8, paused: false, inflight: 0 },
    replicate: { kind: "replicate", match: 7, next: 9, paused: false, inflight: 1 },
    snapshot: { kind: "snapshot", match: 7, next: 21, paused: true, inflight: 0 },
  },
  "acknowledged beyond what was sent": {
    probe: { kind: "probe", match: 25, next: 26, paused: false, inflight: 0 },
    replicate: { kind: "replicate", match: 25, next: 26, paused: false, inflight: 1 },
    snapshot: { kind: "snapshot", match: 25, next: 26, paused: true, inflight: 0 },
  },
  "rejected what is known": {
    probe: { kind: "probe", match: 5, next: 6, paused: true, inflight: 0 },
    replicate: { kind: "replicate", match: 5, next: 9, paused: false, inflight: 1 },
    snapshot: { kind: "snapshot", match: 5, next: 21, paused: true, inflight: 0 },
  },
  "rejected the last probe": {
    probe: { kind: "probe", match: 5, next: 6, paused: false, inflight: 0 },
    replicate: { kind: "replicate", match: 5, next: 6, paused: false, inflight: 1 },
    snapshot: { kind: "snapshot", match: 5, next: 6, paused: true, inflight: 0 },
  },
  reset: {
    probe: { kind: "probe", match: 0, next: 40, paused: false, inflight: 0 },
    replicate: { kind: "probe", match: 0, next: 40, paused: false, inflight: 0 },
    snapshot: { kind: "probe", match: 0, next: 40, paused: false, inflight: 0 },
  },
};

const kinds: readonly Kind[] = ["probe", "replicate", "snapshot"];
const names = [
  "becomeProbe",
  "becomeReplicate",
  "becomeSnapshot",
  "acknowledged what is known",
  "acknowledged 7",
  "acknowledged beyond what was sent",
  "rejected what is known",
  "rejected the last probe",
  "reset",
] as const;

test.for(names.flatMap((event) => kinds.map((kind) => ({ event, kind }))))("$kind × $event", ({ event, kind }) => {
  const progress = progressIn(kind);
  events[event](progress);
  expect<Outcome>({
    kind: progress.kind,
    match: progress.matchIndex,
    next: progress.nextIndex,
    paused: progress.isPaused,
    inflight: progress.inflights.count,
  }).toEqual(expected[event][kind]);
});

test("the table names every event", () => {
  expect([...names].sort()).toEqual(Object.keys(events).sort());
});

test("a probe with entries pauses the flow, an empty one does not", () => {
  const progress = progressIn("probe");
  progress.becomeProbe();
  progress.sent(0, 0, 5);
  expect(progress.isPaused).toBe(false);
  progress.sent(1, 10, 5);
  expect(progress.isPaused).toBe(true);
});

test.for(["an acknowledgement", "a refusal", "a new start"] as const)("a probe is under way until %s", (event) => {
  const progress = progressIn("probe");
  // A heartbeat's answer lets an empty append follow it, which pauses the flow again.
  progress.isFlowPaused = false;
  progress.sent(0, 0, 5);
  expect([progress.isProbeUnderWay, progress.isPaused]).toEqual([true, true]);
  if (event === "an acknowledgement") progress.acknowledged(7);
  else if (event === "a refusal") progress.rejected(5, 2);
  else progress.becomeProbe();
  expect([progress.isProbeUnderWay, progress.isPaused]).toEqual([false, false]);
});

test("a full window pauses the flow, also after an empty append", () => {
  const progress = progressIn("replicate");
  progress.sent(1, 10, 5);
  expect(progress.isPaused).toBe(true);
  progress.isFlowPaused = false;
  progress.sent(0, 0, 5);
  expect(progress.isPaused).toBe(true);
});

test("a commit index is worth sending only where the follower's log may reach beyond what it was told", () => {
  const progress = progressIn("replicate");
  expect(progress.canBumpCommit(5)).toBe(false);
  expect(progress.canBumpCommit(6)).toBe(true);
  progress.sent(0, 0, 8);
  expect(progress.canBumpCommit(9)).toBe(false);
});

test("an old refusal leaves the progress alone, since the follower has caught up [E-9]", () => {
  const probing = progressIn("probe");
  expect(probing.rejected(8, 2)).toBe(false);
  expect(probing.nextIndex).toBe(6);
  const replicating = progressIn("replicate");
  expect(replicating.rejected(4, 0)).toBe(false);
  expect(replicating.nextIndex).toBe(9);
});

test("a refused probe goes on where the follower's hint says, but never at or below what matches [I-11]", () => {
  const progress = progressIn("snapshot");
  progress.becomeProbe();
  expect(progress.rejected(20, 11)).toBe(true);
  expect(progress.nextIndex).toBe(12);
  expect(progress.rejected(11, 2)).toBe(true);
  expect(progress.nextIndex).toBe(6);
});
