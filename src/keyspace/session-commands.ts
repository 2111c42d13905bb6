/**
 * `COTERIE SESSION`: commands that may be sent again and again and take effect once (CONSENSUS §9). The client numbers
 * its commands from 1; the session carries out the next number only, keeps the reply until the client says that it has
 * it, and answers a repeated number with what it kept.
 *
 * Every number that a session has accepted stands for one command for ever, also where that command could not be run.
 * Whether it can be run the leader decides, before the command goes into the log (`entryOf`): a version that does not know
 * a command must not come to another result than one that does.
 */
import { mark } from "../platform/index.ts";
import { Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import { hashSlot, slotCount } from "../ring/index.ts";
import type { CommandSpec } from "./command.ts";
import { checkCommandLevel, levelRefusal } from "./command-level.ts";
import { type CommandTable, wrongArity } from "./command-table.ts";
import { EntryUnknownError } from "./entry.ts";
import { integerArgument } from "./integer.ts";
import { replyOfText, textOfReply } from "./kept-reply.ts";
import type { Keyspace } from "./keyspace.ts";
import { optionOf } from "./option.ts";
import { printable, syntaxError } from "./replies.ts";
import { keptReplyBytesMax } from "./session.ts";
import { sessionCommandDocs } from "./session-command-docs.ts";

/** A session's time to live if `OPEN` does not say, and what it may say. */
export const sessionTtlMsDefault = 3_600_000;
export const sessionTtlMsMin = 1_000;
export const sessionTtlMsMax = 2_592_000_000;

/** `COTERIE SESSION RUN id sequence acknowledged command …` */
const idWord = 3;
const sequenceWord = 4;
const acknowledgedWord = 5;
const commandWord = 6;

const noBytes: Buffer = Buffer.alloc(0);
const actions = ["RUN", "OPEN", "CLOSE", "FAIL"] as const;

const sessionExpired = new ErrorReply(
  "SESSIONEXPIRED The session is gone: this did not happen now. If the same command was sent before, read what became of it. Open another session.",
);
const sequenceGap = new ErrorReply(
  "SEQUENCEGAP A command before this one has not been carried out: this one did not happen. Send that one first.",
);
const replyLost = new ErrorReply(
  "REPLYLOST The command was carried out, once, and its reply is no longer kept. Read what it left behind.",
);
const invalidNumbers = new ErrorReply(
  "ERR sequence must be an integer above 0, and acknowledged one from 0 to below it",
);
const invalidTtl = new ErrorReply(
  `ERR TTL must be an integer from ${sessionTtlMsMin} to ${sessionTtlMsMax} (milliseconds)`,
);

export interface SessionCommand {
  readonly spec: CommandSpec<Keyspace>;
  /** A slot of the shard that the session belongs to, or is to belong to; undefined if the words do not say. */
  slotOf(args: Arguments): number | undefined;
  /** The command within the words, if it is one that can be run. Its `args` are of use until the next call. */
  innerOf(args: Arguments): { readonly spec: CommandSpec<Keyspace>; readonly args: Arguments } | undefined;
  /** Whether the words, of this command, may be carried out again without a second effect. */
  isRepeatable(args: Arguments): boolean;
  /** What a leader at this semantics level puts into the log for these words: themselves, or that they name nothing that could be run. */
  entryOf(args: Arguments, level: number): Arguments;
}

/** `COTERIE SESSION` for the commands of `table`. */
export function sessionCommandOver(table: CommandTable<Keyspace>): SessionCommand {
  const inner = new Arguments();

  /** The command within a `RUN`, whose words are in `inner` from then on; or why it cannot be run. */
  const innerCommand = (args: Arguments): CommandSpec<Keyspace> | ErrorReply => {
    inner.clear(args.bytes);
    for (let word = commandWord; word < args.count; word++)
      inner.push(args.starts[word] as number, args.ends[word] as number);
    const spec = table.resolve(inner);
    if (spec !== undefined) return isAllowed(spec) ? spec : notInSession(inner.text(0));
    return optionOf(inner, 0, ["COTERIE"]) === undefined ? table.refusal(inner) : notInSession(inner.text(0));
  };

  const run = (keyspace: Keyspace, args: Arguments): Reply => {
    const spec = innerCommand(args);
    if (spec instanceof ErrorReply || spec.execute === undefined) {
      throw new EntryUnknownError(
        `a command of a session that this version does not know: ${printable(args.text(commandWord), 64)}`,
      );
    }
    checkCommandLevel(spec, keyspace.semanticsLevel);
    const reply = spec.execute(keyspace, inner);
    inner.clear(noBytes);
    return reply;
  };

  const execute = (keyspace: Keyspace, args: Arguments): Reply => {
    switch (optionOf(args, 2, actions)) {
      case "RUN":
        return args.count > commandWord ? numbered(keyspace, args, run) : wrongArity("coterie|session");
      case "OPEN":
        return open(keyspace, args);
      case "CLOSE":
        return close(keyspace, args);
      case "FAIL":
        return args.count === commandWord + 1 ? numbered(keyspace, args, fail) : wrongArity("coterie|session");
      case undefined:
        return syntaxError;
    }
  };

  return {
    spec: { ...sessionCommandDocs, innerCommandAt: (args) => (isRun(args) ? commandWord : undefined), execute },
    slotOf: (args) => (optionOf(args, 2, ["OPEN"]) === undefined ? slotOfId(args) : openOptions(args).slot),
    innerOf: (args) => {
      const spec = isRun(args) ? innerCommand(args) : undefined;
      return spec === undefined || spec instanceof ErrorReply ? undefined : { spec, args: inner };
    },
    isRepeatable: (args) => optionOf(args, 2, ["RUN", "FAIL"]) !== undefined,
    entryOf: (args, level) => {
      if (!isRun(args)) return args;
      const spec = innerCommand(args);
      inner.clear(noBytes);
      const refusal = spec instanceof ErrorReply ? spec : levelRefusal(spec, level);
      if (refusal === undefined) return args;
      return Arguments.of([...args.texts().slice(0, 2), "FAIL", ...args.texts(idWord).slice(0, 3), refusal.text]);
    },
  };
}

/** Carries out a numbered command, unless that has happened. */
function numbered(
  keyspace: Keyspace,
  args: Arguments,
  carryOut: (keyspace: Keyspace, args: Arguments) => Reply,
): Reply {
  const sequence = integerArgument(args, sequenceWord);
  const acknowledged = integerArgument(args, acknowledgedWord);
  if (typeof sequence !== "number" || typeof acknowledged !== "number") return invalidNumbers;
  if (acknowledged < 0 || sequence <= acknowledged) return invalidNumbers;
  const { nowMs, sessions } = keyspace;
  const session = sessions.find(args.text(idWord), nowMs);
  if (session === undefined) return sessionExpired;
  if (sequence > session.lastSequence + 1) return sequenceGap;
  sessions.use(session, nowMs, acknowledged);
  if (sequence <= session.lastSequence) {
    const text = session.replyTo(sequence);
    mark("a repeated session command is answered from what was kept");
    return text === undefined ? replyLost : replyOfText(text);
  }
  const reply = carryOut(keyspace, args);
  sessions.answered(session, textOfReply(reply, keptReplyBytesMax));
  return reply;
}

function open(keyspace: Keyspace, args: Arguments): Reply {
  const { error, slot = 0, ttlMs = sessionTtlMsDefault } = openOptions(args);
  if (error !== undefined) return error;
  const { entryIndex: index, nowMs, random, sessions } = keyspace;
  return sessions.open({ slot, index, nowMs, random, ttlMs }).id;
}

interface OpenOptions {
  ttlMs?: number;
  slot?: number;
  error?: ErrorReply;
}

function openOptions(args: Arguments): OpenOptions {
  const options: OpenOptions = {};
  for (let word = 3; word < args.count; word += 2) {
    const option = optionOf(args, word, ["TTL", "KEY"]);
    if (option === undefined || word + 1 === args.count) return { error: syntaxError };
    if (option === "KEY") {
      options.slot = hashSlot(args.bytes, args.starts[word + 1], args.ends[word + 1]);
      continue;
    }
    const ttlMs = integerArgument(args, word + 1);
    if (typeof ttlMs !== "number" || ttlMs < sessionTtlMsMin || ttlMs > sessionTtlMsMax) return { error: invalidTtl };
    options.ttlMs = ttlMs;
  }
  return options;
}

/** An id begins with the slot. */
function slotOfId(args: Arguments): number | undefined {
  if (args.count <= idWord) return undefined;
  const slot = Number.parseInt(args.text(idWord), 10);
  return slot >= 0 && slot < slotCount ? slot : undefined;
}

function close(keyspace: Keyspace, args: Arguments): Reply {
  if (args.count !== 4) return wrongArity("coterie|session");
  const session = keyspace.sessions.find(args.text(idWord), keyspace.nowMs);
  if (session === undefined) return 0;
  keyspace.sessions.close(session);
  return 1;
}

/** What a leader has found that cannot be run: its client's number is used up all the same. */
function fail(_keyspace: Keyspace, args: Arguments): Reply {
  return new ErrorReply(args.text(commandWord));
}

function isRun(args: Arguments): boolean {
  return args.count > commandWord && optionOf(args, 2, ["RUN"]) !== undefined;
}

/** A session belongs to the shard of its keys, so what has none cannot be in it. */
function isAllowed(spec: CommandSpec<Keyspace>): boolean {
  return spec.keySpecifications.length > 0 && spec.isOutsideSessions !== true && !spec.flags.includes("blocking");
}

function notInSession(name: string): ErrorReply {
  return new ErrorReply(`ERR ${printable(name, 64).toUpperCase()} cannot be run in a session`);
}
