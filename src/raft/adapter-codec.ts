import { unreachable } from "../platform/index.ts";
import type {
  Conf,
  ConfSingle,
  ConfState,
  EntryJson,
  Hard,
  Id,
  Msg,
  ProgressJson,
  RoleName,
  Snap,
} from "./adapter-shapes.ts";
import type { Configuration, ConfigurationChange, SingleChange } from "./configuration.ts";
import type { Entry, HardState, Proposal, Snapshot } from "./entry.ts";
import type { Message } from "./message.ts";
import type { Role } from "./replica.ts";
import type { ProgressStatus } from "./status.ts";

const transferContext = "CampaignTransfer";

const actionsByOp: Readonly<Record<ConfSingle["op"], SingleChange["action"]>> = {
  v: "addVoter",
  l: "addLearner",
  r: "remove",
  u: "update",
};

const opsByAction: Readonly<Record<SingleChange["action"], ConfSingle["op"]>> = {
  addVoter: "v",
  addLearner: "l",
  remove: "r",
  update: "u",
};

/** What the test port calls the roles. */
export const roleNames: Readonly<Record<Role, RoleName>> = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
};

const progressNames: Readonly<Record<ProgressStatus["kind"], ProgressJson["state"]>> = {
  probe: "StateProbe",
  replicate: "StateReplicate",
  snapshot: "StateSnapshot",
};

/** Translates between the core's values and those of the test port, for one node. */
export class AdapterCodec {
  /** Configuration changes as they were given, so that they come back the same. */
  readonly #confs = new WeakMap<ConfigurationChange, Conf>();
  readonly #contextNumbers = new Map<string, number>();
  readonly #contextNames: string[] = [];

  /** The core's number for a read's label. */
  contextNumber(label: string): number {
    const known = this.#contextNumbers.get(label);
    if (known !== undefined) return known;
    this.#contextNames.push(label);
    this.#contextNumbers.set(label, this.#contextNames.length - 1);
    return this.#contextNames.length - 1;
  }

  contextLabel(context: number): string {
    return this.#contextNames[context] ?? "";
  }

  change(conf: Conf): ConfigurationChange {
    const changes = conf.changes.map(({ op, id }): SingleChange => ({ action: actionsByOp[op], replica: id }));
    const change: ConfigurationChange = { transition: conf.transition ?? "auto", changes };
    this.#confs.set(change, conf);
    return change;
  }

  conf(change: ConfigurationChange): Conf {
    const changes = change.changes.map(({ action, replica }): ConfSingle => ({ op: opsByAction[action], id: replica }));
    return this.#confs.get(change) ?? { transition: change.transition, changes };
  }

  proposal(entry: EntryJson): Proposal {
    if (entry.type === "EntryNormal") return { kind: "normal", data: bytes(entry.data ?? "") };
    return { kind: "configuration", change: this.change(entry.conf ?? { changes: [] }) };
  }

  entry(entry: EntryJson): Entry {
    return { ...this.proposal(entry), term: entry.term, index: entry.index };
  }

  entries(entries: readonly EntryJson[] | undefined): readonly Entry[] {
    return (entries ?? []).map((entry) => this.entry(entry));
  }

  entryJson(entry: Entry | Proposal): EntryJson {
    const position = "index" in entry ? { term: entry.term, index: entry.index } : { term: 0, index: 0 };
    if (entry.kind === "configuration") {
      return { ...position, type: "EntryConfChangeV2", conf: this.conf(entry.change) };
    }
    if (entry.data.length === 0) return { ...position, type: "EntryNormal" };
    return { ...position, type: "EntryNormal", data: text(entry.data) };
  }

  entriesJson(entries: readonly (Entry | Proposal)[]): readonly EntryJson[] {
    return entries.map((entry) => this.entryJson(entry));
  }

  /** A message between nodes. Undefined for types that do not travel between nodes. */
  message(msg: Msg): Message | undefined {
    if (typeof msg.from !== "number" || typeof msg.to !== "number") return undefined;
    const envelope = { from: msg.from, to: msg.to, term: msg.term };
    const index = msg.index ?? 0;
    switch (msg.type) {
      case "MsgApp":
        return {
          type: "appendEntries",
          ...envelope,
          previousIndex: index,
          previousTerm: msg.logTerm ?? 0,
          entries: this.entries(msg.entries),
          commit: msg.commit ?? 0,
        };
      case "MsgAppResp":
        return {
          type: "appendEntriesResponse",
          ...envelope,
          index,
          rejected: msg.reject ?? false,
          hintIndex: msg.rejectHint ?? 0,
          hintTerm: msg.logTerm ?? 0,
        };
      case "MsgVote":
      case "MsgPreVote":
        return {
          type: "requestVote",
          ...envelope,
          isPreVote: msg.type === "MsgPreVote",
          lastIndex: index,
          lastTerm: msg.logTerm ?? 0,
          isTransfer: msg.context === transferContext,
        };
      case "MsgVoteResp":
      case "MsgPreVoteResp": {
        const isPreVote = msg.type === "MsgPreVoteResp";
        const granted = msg.reject !== true;
        return { type: "requestVoteResponse", ...envelope, isPreVote, granted, commit: 0, commitTerm: 0 };
      }
      case "MsgHeartbeat":
        return { type: "heartbeat", ...envelope, commit: msg.commit ?? 0, readRound: round(msg) };
      case "MsgHeartbeatResp":
        return { type: "heartbeatResponse", ...envelope, readRound: round(msg) };
      case "MsgSnap":
        return { type: "installSnapshot", ...envelope, snapshot: snapshotOf(msg.snapshot ?? emptySnap) };
      case "MsgTimeoutNow":
        return { type: "timeoutNow", ...envelope };
      case "MsgTransferLeader":
        return { type: "transferLeader", ...envelope, target: msg.from };
      case "MsgProp":
        return {
          type: "forwardedProposal",
          ...envelope,
          proposals: (msg.entries ?? []).map((entry) => this.proposal(entry)),
        };
      case "MsgReadIndex":
        return { type: "readIndexRequest", ...envelope, context: this.#contextOf(msg) };
      case "MsgReadIndexResp":
        return { type: "readIndexResponse", ...envelope, context: this.#contextOf(msg), index };
      default:
        return undefined;
    }
  }

  messageJson(message: Message): Msg {
    const { from, to, term } = message;
    switch (message.type) {
      case "appendEntries": {
        const { previousTerm: logTerm, previousIndex: index, commit } = message;
        return { type: "MsgApp", from, to, term, logTerm, index, commit, entries: this.entriesJson(message.entries) };
      }
      case "appendEntriesResponse": {
        const { index, rejected: reject, hintIndex: rejectHint, hintTerm: logTerm } = message;
        return { type: "MsgAppResp", from, to, term, logTerm, index, reject, rejectHint };
      }
      case "requestVote": {
        const type = message.isPreVote ? "MsgPreVote" : "MsgVote";
        const context = message.isTransfer ? { context: transferContext } : {};
        return { type, from, to, term, logTerm: message.lastTerm, index: message.lastIndex, ...context };
      }
      case "requestVoteResponse": {
        const type = message.isPreVote ? "MsgPreVoteResp" : "MsgVoteResp";
        return { type, from, to, term, reject: !message.granted };
      }
      case "heartbeat":
        return { type: "MsgHeartbeat", from, to, term, commit: message.commit, ...roundJson(message.readRound) };
      case "heartbeatResponse":
        return { type: "MsgHeartbeatResp", from, to, term, ...roundJson(message.readRound) };
      case "installSnapshot":
        return { type: "MsgSnap", from, to, term, snapshot: snapOf(message.snapshot) };
      case "timeoutNow":
        return { type: "MsgTimeoutNow", from, to, term };
      case "transferLeader":
        return { type: "MsgTransferLeader", from: message.target, to, term };
      case "forwardedProposal":
        return { type: "MsgProp", from, to, term, entries: this.entriesJson(message.proposals) };
      case "readIndexRequest":
        return { type: "MsgReadIndex", from, to, term, entries: this.#contextJson(message.context) };
      case "readIndexResponse": {
        const { index } = message;
        return { type: "MsgReadIndexResp", from, to, term, index, entries: this.#contextJson(message.context) };
      }
      default:
        return unreachable(message);
    }
  }

  #contextOf(msg: Msg): number {
    return this.contextNumber(msg.entries?.[0]?.data ?? "");
  }

  #contextJson(context: number): readonly EntryJson[] {
    return [{ term: 0, index: 0, type: "EntryNormal", data: this.contextLabel(context) }];
  }
}

function round(msg: Msg): number {
  return typeof msg.context === "number" ? msg.context : 0;
}

function roundJson(readRound: number): { readonly context?: number } {
  return readRound === 0 ? {} : { context: readRound };
}

function bytes(data: string): Uint8Array {
  return Buffer.from(data, "utf8");
}

function text(data: Uint8Array): string {
  return Buffer.from(data).toString("utf8");
}

const emptyConf: ConfState = { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

/** The snapshot of a node that has none. */
export const emptySnap: Snap = { index: 0, term: 0, conf: emptyConf, data: "" };

export function confStateOf(configuration: Configuration): ConfState {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  return {
    voters: [...voters],
    votersOutgoing: [...votersOutgoing],
    learners: [...learners],
    learnersNext: [...learnersNext],
    autoLeave,
  };
}

/** A configuration from outside, whose lists may be missing or in any order. */
export function configurationOf(conf: Partial<ConfState>): Configuration {
  const sorted = (ids: readonly Id[] | undefined): readonly Id[] => [...(ids ?? [])].sort((a, b) => a - b);
  return {
    voters: sorted(conf.voters),
    votersOutgoing: sorted(conf.votersOutgoing),
    learners: sorted(conf.learners),
    learnersNext: sorted(conf.learnersNext),
    autoLeave: conf.autoLeave ?? false,
    highestReplica: 0,
  };
}

export function snapshotOf(snap: Snap): Snapshot {
  const { index, term, conf, data } = snap;
  return { index, term, configuration: configurationOf(conf), data: bytes(data) };
}

export function snapOf(snapshot: Snapshot): Snap {
  const { index, term, configuration, data } = snapshot;
  return { index, term, conf: confStateOf(configuration), data: text(data) };
}

export function hardStateOf(hard: Hard): HardState {
  return { term: hard.term, vote: hard.vote === 0 ? undefined : hard.vote, commit: hard.commit };
}

export function hardOf(hardState: HardState): Hard {
  return { term: hardState.term, vote: hardState.vote ?? 0, commit: hardState.commit };
}

export function progressJsonOf(progress: ProgressStatus): ProgressJson {
  return {
    state: progressNames[progress.kind],
    match: progress.matchIndex,
    next: progress.nextIndex,
    learner: progress.isLearner,
    paused: progress.isPaused,
    pendingSnapshot: progress.pendingSnapshotIndex,
    recentActive: progress.isActiveSinceCheck,
    inflight: progress.inflightCount,
    inflightFull: progress.isInflightFull,
  };
}

/**
 * Bytes of an entry in the protocol buffer encoding that the reference implementation limits messages and batches by:
 * a tag and a varint each for term and index, a tag and a length for data, a type where it is not the plain one.
 */
export function encodedEntryBytes(entry: Entry): number {
  const position = 2 + varintBytes(entry.term) + varintBytes(entry.index);
  if (entry.kind === "normal") return position + (entry.data.length === 0 ? 0 : fieldBytes(entry.data.length));
  const changes = entry.change.changes.map(({ replica }) => fieldBytes(3 + varintBytes(replica)));
  const transition = entry.change.transition === "auto" ? 0 : 2;
  const change = changes.reduce((sum, length) => sum + length, transition);
  return position + 2 + (change === 0 ? 0 : fieldBytes(change));
}

function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++;
  return count;
}
