import { AdapterCodec, configurationOf, confStateOf, emptySnap } from "./adapter-codec.ts";
import { AdapterNode } from "./adapter-node.ts";
import type { ConfSingle, Id, NodeConfig, ProgressJson, Tracker } from "./adapter-shapes.ts";
import { type ChangeResult, changeSimply, enterJoint, leaveJoint } from "./configuration-change.ts";
import { committedIndex, type VoteResult, voteResult } from "./quorum.ts";

/** Asks for one step of a configuration, apart from any node. */
export interface ConfChangeRequest {
  readonly kind: "simple" | "enter-joint" | "leave-joint";
  readonly autoLeave?: boolean;
  /** Where probing of new members begins. */
  readonly lastIndex: number;
  readonly changes: readonly ConfSingle[];
}

/** The test port: what a conformance driver from outside needs to create nodes, feed them and see what they do. */
export interface Adapter {
  readonly capabilities: {
    readonly asyncStorageWrites: boolean;
    readonly forgetLeader: boolean;
    readonly confChangeV1: boolean;
    readonly disableConfChangeValidation: boolean;
  };
  createNode(config: NodeConfig): AdapterNode;
  /** Infinity without voters. */
  committedIndex(query: {
    readonly incoming: readonly Id[];
    readonly outgoing: readonly Id[];
    readonly acked: Readonly<Record<Id, number>>;
  }): number;
  voteResult(query: {
    readonly incoming: readonly Id[];
    readonly outgoing: readonly Id[];
    readonly votes: Readonly<Record<Id, boolean>>;
  }): "VoteWon" | "VoteLost" | "VotePending";
  emptyConfig(options: { readonly maxInflight: number }): Tracker;
  confChange(tracker: Tracker, request: ConfChangeRequest): Tracker | { readonly error: string };
}

const voteResultNames: Readonly<Record<VoteResult, "VoteWon" | "VoteLost" | "VotePending">> = {
  won: "VoteWon",
  lost: "VoteLost",
  pending: "VotePending",
};

export const adapter: Adapter = {
  capabilities: {
    asyncStorageWrites: true,
    forgetLeader: true,
    confChangeV1: true,
    disableConfChangeValidation: true,
  },
  createNode: (config) => new AdapterNode(config),
  committedIndex: ({ incoming, outgoing, acked }) => committedIndex({ incoming, outgoing }, byId(acked)),
  voteResult: ({ incoming, outgoing, votes }) => voteResultNames[voteResult({ incoming, outgoing }, byId(votes))],
  emptyConfig: () => ({ config: emptySnap.conf, progress: {} }),
  confChange,
};

function confChange(tracker: Tracker, request: ConfChangeRequest): Tracker | { readonly error: string } {
  const result = changed(tracker, request);
  if ("error" in result) return { error: result.error };
  const { configuration, renewed } = result;
  const { voters, votersOutgoing, learners } = configuration;
  const progress: Record<Id, ProgressJson> = {};
  for (const id of [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b)) {
    const learner = learners.includes(id);
    const known = renewed.has(id) ? undefined : tracker.progress[id];
    progress[id] = known === undefined ? newProgress(request.lastIndex, learner) : { ...known, learner };
  }
  return { config: confStateOf(configuration), progress };
}

function changed(tracker: Tracker, { kind, autoLeave, changes }: ConfChangeRequest): ChangeResult {
  const from = configurationOf(tracker.config);
  const change = new AdapterCodec().change({ changes });
  if (kind === "simple") return changeSimply(from, change.changes);
  return kind === "enter-joint" ? enterJoint(from, change.changes, autoLeave ?? false) : leaveJoint(from);
}

function newProgress(lastIndex: number, learner: boolean): ProgressJson {
  return {
    state: "StateProbe",
    match: 0,
    next: Math.max(lastIndex, 1),
    learner,
    paused: false,
    pendingSnapshot: 0,
    recentActive: true,
    inflight: 0,
    inflightFull: false,
  };
}

function byId<Value>(record: Readonly<Record<Id, Value>>): ReadonlyMap<Id, Value> {
  return new Map(Object.entries(record).map(([id, value]) => [Number(id), value]));
}
