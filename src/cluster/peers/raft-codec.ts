/**
 * Raft's messages on the wire, behind the group that they belong to. Written by hand, since an append is encoded and
 * decoded for every batch. The bytes of entries are copied once into the frame, and once out of it.
 *
 * ```
 * u53 group | u8 type | u53 from | u53 to | u53 term | fields
 * appendEntries: u53 previousIndex | u53 previousTerm | u53 commit | u32 count | (u53 term | u8 kind | u32 length | bytes) ...
 * ```
 *
 * A snapshot is only described here, not sent: its stream goes another way (`snapshot-wire.ts`). What this product does
 * without (proposals and reads that travel between replicas; it forwards commands instead) has no form: a core that is not
 * configured for it never sends it.
 */
import type { ByteReader, ByteWriter } from "../../net/index.ts";
import { AssertionFailure } from "../../platform/index.ts";
import type { ConfigurationChange, Entry, Message, ReplicaId, SingleChange, Snapshot, Term } from "../../raft/index.ts";

/** Numbers on the wire. */
const codes = {
  appendEntries: 1,
  appendEntriesResponse: 2,
  requestVote: 3,
  requestVoteResponse: 4,
  heartbeat: 5,
  heartbeatResponse: 6,
  timeoutNow: 7,
  installSnapshot: 8,
} as const;

const envelopeBytes = 33;
const entryHeaderBytes = 13;
const normalKind = 0;
const configurationKind = 1;
/** About what a configuration entry takes. */
const configurationBytes = 64;

const transitions: readonly ConfigurationChange["transition"][] = ["auto", "implicit", "explicit"];
const actions: readonly SingleChange["action"][] = ["addVoter", "addLearner", "remove", "update"];

const memberLists = ["voters", "votersOutgoing", "learners", "learnersNext"] as const;

/** About how many bytes `message` takes. */
export function raftMessageBytes(message: Message): number {
  let bytes = envelopeBytes + 32;
  if (message.type !== "appendEntries") return bytes;
  for (const entry of message.entries) {
    bytes += entryHeaderBytes + (entry.kind === "normal" ? entry.data.length : configurationBytes);
  }
  return bytes;
}

export function writeRaftMessage(out: ByteWriter, group: number, message: Message): void {
  out.integer(group);
  switch (message.type) {
    case "appendEntries":
      writeEnvelope(out, codes.appendEntries, message);
      out.integer(message.previousIndex);
      out.integer(message.previousTerm);
      out.integer(message.commit);
      writeEntries(out, message.entries);
      break;
    case "appendEntriesResponse":
      writeEnvelope(out, codes.appendEntriesResponse, message);
      out.integer(message.index);
      out.u8(message.rejected ? 1 : 0);
      out.integer(message.hintIndex);
      out.integer(message.hintTerm);
      break;
    case "requestVote":
      writeEnvelope(out, codes.requestVote, message);
      out.u8(message.isPreVote ? 1 : 0);
      out.u8(message.isTransfer ? 1 : 0);
      out.integer(message.lastIndex);
      out.integer(message.lastTerm);
      break;
    case "requestVoteResponse":
      writeEnvelope(out, codes.requestVoteResponse, message);
      out.u8(message.isPreVote ? 1 : 0);
      out.u8(message.granted ? 1 : 0);
      out.integer(message.commit);
      out.integer(message.commitTerm);
      break;
    case "heartbeat":
      writeEnvelope(out, codes.heartbeat, message);
      out.integer(message.commit);
      out.integer(message.readRound);
      break;
    case "heartbeatResponse":
      writeEnvelope(out, codes.heartbeatResponse, message);
      out.integer(message.readRound);
      break;
    case "timeoutNow":
      writeEnvelope(out, codes.timeoutNow, message);
      break;
    case "installSnapshot":
      writeEnvelope(out, codes.installSnapshot, message);
      writeSnapshot(out, message.snapshot);
      break;
    default:
      throw new AssertionFailure(`a message that this node does not send: ${message.type}`);
  }
}

/** The message behind the group's number, which has been read; undefined if it cannot be understood. */
export function readRaftMessage(input: ByteReader): Message | undefined {
  const message = readFields(input, input.u8(), input.integer(), input.integer(), input.integer());
  return message !== undefined && input.isWhole() ? message : undefined;
}

/** Messages of several groups, each behind its group's number, to the end of the frame; undefined if they cannot be understood. */
export function readRaftMessages(
  input: ByteReader,
): { readonly group: number; readonly message: Message }[] | undefined {
  const messages: { group: number; message: Message }[] = [];
  while (input.remainingBytes > 0) {
    const group = input.integer();
    const message = readFields(input, input.u8(), input.integer(), input.integer(), input.integer());
    if (message === undefined || input.isBad) return undefined;
    messages.push({ group, message });
  }
  return messages;
}

function readFields(input: ByteReader, code: number, from: ReplicaId, to: ReplicaId, term: Term): Message | undefined {
  switch (code) {
    case codes.appendEntries: {
      const previousIndex = input.integer();
      const previousTerm = input.integer();
      const commit = input.integer();
      const entries = readEntries(input, previousIndex);
      return entries && { type: "appendEntries", from, to, term, previousIndex, previousTerm, entries, commit };
    }
    case codes.appendEntriesResponse: {
      const index = input.integer();
      const rejected = input.boolean();
      const hintIndex = input.integer();
      return { type: "appendEntriesResponse", from, to, term, index, rejected, hintIndex, hintTerm: input.integer() };
    }
    case codes.requestVote: {
      const isPreVote = input.boolean();
      const isTransfer = input.boolean();
      const lastIndex = input.integer();
      return { type: "requestVote", from, to, term, isPreVote, isTransfer, lastIndex, lastTerm: input.integer() };
    }
    case codes.requestVoteResponse: {
      const isPreVote = input.boolean();
      const granted = input.boolean();
      const commit = input.integer();
      const commitTerm = input.integer();
      return { type: "requestVoteResponse", from, to, term, isPreVote, granted, commit, commitTerm };
    }
    case codes.heartbeat: {
      const commit = input.integer();
      return { type: "heartbeat", from, to, term, commit, readRound: input.integer() };
    }
    case codes.heartbeatResponse:
      return { type: "heartbeatResponse", from, to, term, readRound: input.integer() };
    case codes.timeoutNow:
      return { type: "timeoutNow", from, to, term };
    case codes.installSnapshot: {
      const snapshot = readSnapshot(input);
      return snapshot && { type: "installSnapshot", from, to, term, snapshot };
    }
    default:
      return undefined;
  }
}

function writeEnvelope(
  out: ByteWriter,
  code: number,
  message: { readonly from: ReplicaId; readonly to: ReplicaId; readonly term: Term },
): void {
  out.u8(code);
  out.integer(message.from);
  out.integer(message.to);
  out.integer(message.term);
}

function writeEntries(out: ByteWriter, entries: readonly Entry[]): void {
  out.u32(entries.length);
  for (const entry of entries) {
    out.integer(entry.term);
    if (entry.kind === "normal") {
      out.u8(normalKind);
      out.bytes(entry.data);
    } else {
      out.u8(configurationKind);
      writeChange(out, entry.change);
    }
  }
}

/** Their indexes follow `previousIndex`, one by one. */
function readEntries(input: ByteReader, previousIndex: number): readonly Entry[] | undefined {
  const count = input.u32();
  if (count > input.remainingBytes / (entryHeaderBytes - 4)) return undefined;
  const entries: Entry[] = [];
  for (let index = previousIndex + 1; index <= previousIndex + count; index++) {
    const term = input.integer();
    const kind = input.u8();
    if (kind === normalKind) {
      entries.push({ kind: "normal", term, index, data: input.bytes() });
    } else if (kind === configurationKind) {
      const change = readChange(input);
      if (change === undefined) return undefined;
      entries.push({ kind: "configuration", term, index, change });
    } else {
      return undefined;
    }
  }
  return entries;
}

function writeSnapshot(out: ByteWriter, { index, term, configuration, data }: Snapshot): void {
  out.integer(index);
  out.integer(term);
  for (const name of memberLists) {
    out.u32(configuration[name].length);
    for (const replica of configuration[name]) out.integer(replica);
  }
  out.u8(configuration.autoLeave ? 1 : 0);
  out.integer(configuration.highestReplica);
  out.bytes(data);
}

function readSnapshot(input: ByteReader): Snapshot | undefined {
  const index = input.integer();
  const term = input.integer();
  const lists: ReplicaId[][] = [];
  for (const _ of memberLists) {
    const count = input.u32();
    if (count > input.remainingBytes / 8) return undefined;
    lists.push(Array.from({ length: count }, () => input.integer()));
  }
  const autoLeave = input.boolean();
  const [voters = [], votersOutgoing = [], learners = [], learnersNext = []] = lists;
  const highestReplica = input.integer();
  const configuration = { voters, votersOutgoing, learners, learnersNext, autoLeave, highestReplica };
  return { index, term, configuration, data: input.bytes() };
}

function writeChange(out: ByteWriter, change: ConfigurationChange): void {
  out.u8(transitions.indexOf(change.transition));
  out.u32(change.changes.length);
  for (const { action, replica } of change.changes) {
    out.u8(actions.indexOf(action));
    out.integer(replica);
  }
}

function readChange(input: ByteReader): ConfigurationChange | undefined {
  const transition = transitions[input.u8()];
  const count = input.u32();
  if (transition === undefined || count > input.remainingBytes / 9) return undefined;
  const changes: SingleChange[] = [];
  for (let each = 0; each < count; each++) {
    const action = actions[input.u8()];
    if (action === undefined) return undefined;
    changes.push({ action, replica: input.integer() });
  }
  return { transition, changes };
}
