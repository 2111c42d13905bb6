/**
 * What clients are told when a command is not carried out, and why a node does not start or go on. For a single command
 * every error reply but `UNCERTAIN` promises that nothing happened (CONSENSUS §1).
 */
import { CoterieError, mark, type Outcome } from "../platform/index.ts";
import { ErrorReply, RawReply, type Reply } from "../resp/index.ts";

/** A write that may have been carried out, and may yet be. */
export function uncertain(reason: string): ErrorReply {
  mark("a write is answered UNCERTAIN");
  return new ErrorReply(`UNCERTAIN The write may or may not have happened: ${reason}. Read before you send it again.`);
}

/** The same reply, but no promise that a command did not happen which had been sent once before. */
export function inDoubt(reply: Reply): Reply {
  const text = reply instanceof ErrorReply ? `-${reply.text}` : reply instanceof RawReply ? reply.text : "";
  return /^-(TRYAGAIN|CLUSTERDOWN|DISKFULL|LOADING) /.test(text)
    ? uncertain("it was sent before, and no answer came")
    : reply;
}

export const leaderChanged: ErrorReply = new ErrorReply(
  "TRYAGAIN The leader changed before the command was decided: it did not happen. Send it again.",
);

export const tooManyWaiting: ErrorReply = new ErrorReply(
  "TRYAGAIN Too many commands wait on this node: this one did not happen. Send it again later.",
);

export const levelUnknown: ErrorReply = new ErrorReply(
  "TRYAGAIN The leader is new, and cannot tell yet whether all nodes know this command: it did not happen. Send it again.",
);

export const diskFull: ErrorReply = new ErrorReply(
  "DISKFULL The disk of the leader, or of too many other nodes, is full: the write did not happen. Reads go on, and writes will once there is space.",
);

export const behindUndecided: ErrorReply = new ErrorReply(
  "TRYAGAIN A write before it is not decided yet: this command did not happen. Send it again later.",
);

export const nodeClosing: ErrorReply = new ErrorReply(
  "CLUSTERDOWN This node is stopping: the command did not happen. Send it to another node.",
);

export const replicaStopped: ErrorReply = new ErrorReply(
  "CLUSTERDOWN This node's replica has stopped, see its log and `coterie status`: the command did not happen. Send it to another node.",
);

export function noLeader(waitedMs: number): ErrorReply {
  return new ErrorReply(
    `CLUSTERDOWN No leader within ${waitedMs} ms: the command did not happen. A majority of the nodes must be up.`,
  );
}

export function stillLoading(waitedMs: number): ErrorReply {
  return new ErrorReply(
    `LOADING This node is loading its log, and knows no other leader, for ${waitedMs} ms: the command did not happen. Send it again later.`,
  );
}

export function commandTooLarge(bytes: number, bytesMax: number): ErrorReply {
  return new ErrorReply(`ERR A command of ${bytes} bytes is above commandBytesMax (${bytesMax}): it did not happen.`);
}

export function replyTooLarge(bytes: number, bytesMax: number): ErrorReply {
  return new ErrorReply(
    `ERR A reply of ${bytes} bytes or more is above what one node hands on to another (${bytesMax}). Ask the key's leader for it, or for a part (GETRANGE).`,
  );
}

/** The command of a session has a key of a shard that is not the session's. */
export function sessionElsewhere(name: string): ErrorReply {
  return new ErrorReply(
    `CROSSSLOT ${name} has a key of another shard than its session: it did not happen. A session is of one shard: open one with COTERIE SESSION OPEN KEY and this key.`,
  );
}

/** Two keys of a command that only one shard can carry out, as byte strings. */
export function severalShards(
  name: string,
  [one, other]: readonly [{ key: string; shard: number }, { key: string; shard: number }],
): ErrorReply {
  const where = `"${shown(one.key)}" (shard ${one.shard}) and "${shown(other.key)}" (shard ${other.shard})`;
  const cure = `A common hash tag keeps keys together: "{tag}${shown(one.key)}", "{tag}${shown(other.key)}".`;
  return new ErrorReply(`CROSSSLOT ${name} needs its keys in one shard, not ${where}: it did not happen. ${cure}`);
}

/** What clients see of a key in an error. */
function shown(key: string): string {
  const text = key.length > 40 ? `${key.slice(0, 40)}...` : key;
  return text.replace(/[^\x20-\x7e]/g, "?");
}

/** What a node's process ends with when going on would be wrong. `docs/errors.md` lists the same numbers. */
export const nodeExitCode: {
  /** A write or `fdatasync` of the log failed: what the disk holds is unknown. Restart; replace the disk if it comes again. */
  readonly diskFailed: 74;
  /** The peers refuse this node under its identity. The log says the cure. */
  readonly refused: 2;
} = { diskFailed: 74, refused: 2 };

/** The directory belongs to a running process. */
export class DirectoryInUseError extends CoterieError {
  readonly code = "DIRECTORY_IN_USE";
  readonly directory: string;

  constructor(directory: string, options?: { readonly cause?: unknown }) {
    super(`${directory} is in use by another running node. Stop that one, or choose another directory.`, options);
    this.directory = directory;
  }
}

/** The directory's files are of another version, damaged, or incomplete. */
export class DirectoryUnreadableError extends CoterieError {
  readonly code = "DIRECTORY_UNREADABLE";
  readonly path: string;

  constructor(path: string, reason: string, options?: { readonly cause?: unknown }) {
    super(`${path} ${reason}`, options);
    this.path = path;
  }
}

/** What the node was told about itself is not what its directory says, or not enough. */
export class IdentityError extends CoterieError {
  readonly code = "IDENTITY";
}

/** A node cannot lead a shard now. The message says why, and what to do. */
export class TransferRefusedError extends CoterieError {
  readonly code = "TRANSFER_REFUSED";
}

/** Whether a node leads a shard now, as somebody wanted, was not heard in time. */
export class TransferUnfinishedError extends CoterieError {
  readonly code = "TRANSFER_UNFINISHED";
  override readonly outcome = "unknown";
}

/** An entry cannot be left out. The message says why, and what to do. */
export class SkipRefusedError extends CoterieError {
  readonly code = "SKIP_REFUSED";
}

/** An upgrade cannot be finished yet. The message says which node it waits for. */
export class UpgradeRefusedError extends CoterieError {
  readonly code = "UPGRADE_REFUSED";
}

/** Not every shard has said in time that it works as the new version does. */
export class UpgradeUnfinishedError extends CoterieError {
  readonly code = "UPGRADE_UNFINISHED";
  override readonly outcome = "unknown";
}

/** The directory has not answered in time. `outcome` says whether the change may have happened. */
export class DirectoryUnavailableError extends CoterieError {
  readonly code = "DIRECTORY_UNAVAILABLE";
  override readonly outcome: Outcome;

  constructor(reason: string, outcome: Outcome) {
    const fates = {
      notApplied: "Nothing has changed. A majority of the nodes that vote on it must be up: try again",
      unknown: "Nobody knows whether the change was made. It is safe to ask for it again",
      applied: "The change was made",
    };
    super(`The directory of the cluster does not answer: ${reason}. ${fates[outcome]}.`);
    this.outcome = outcome;
  }
}
