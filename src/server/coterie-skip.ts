/** `COTERIE SHARD SKIP`: an operator has all replicas of a shard leave out an entry that stops them (CONSENSUS A-4). */
import { checksumDigitsMin, directorySkipRefusal, type SkipRequest, skippedEntry } from "../cluster/index.ts";
import type { DirectoryState } from "../directory/index.ts";
import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import type { Connection } from "./connection.ts";
import { errorReply, textOf, wholeOf } from "./coterie-reply.ts";
import { answeredLater, isWord, notAnInteger, syntaxError } from "./server-command.ts";

interface Said {
  readonly request: SkipRequest;
  readonly by: string;
  readonly because: string;
}

/**
 * `COTERIE SHARD SKIP shard index DRYRUN` answers what that entry is and whom it has stopped, as JSON;
 * `COTERIE SHARD SKIP shard index CHECKSUM digits BECAUSE why [BY who]` the directory's epoch once it says so.
 */
export function skipEntry(connection: Connection, args: Arguments): Reply {
  if (isWord(args, 3, "DIRECTORY")) return errorReply(connection, directorySkipRefusal());
  const shard = wholeOf(args, 3);
  const index = wholeOf(args, 4);
  if (args.count < 6) return syntaxError;
  if (shard === undefined || index === undefined) return notAnInteger;
  if (args.count === 6 && isWord(args, 5, "DRYRUN"))
    return answer(connection, look(connection, { shard, index, checksum: undefined }));
  const options = optionsOf(args, 5);
  const { CHECKSUM: checksum, BECAUSE: because } = options ?? {};
  if (options === undefined || checksum === undefined || because === undefined) return syntaxError;
  if (checksum.length < checksumDigitsMin)
    return new ErrorReply(`ERR CHECKSUM takes at least ${checksumDigitsMin} of the digits that DRYRUN shows`);
  const by = options.BY ?? `a client at ${connection.address.host}`;
  return answer(connection, skip(connection, { request: { shard, index, checksum }, by, because }));
}

const optionNames = ["CHECKSUM", "BECAUSE", "BY"] as const;

/** Undefined: that is no list of options, each at most once. */
function optionsOf(args: Arguments, first: number): Partial<Record<(typeof optionNames)[number], string>> | undefined {
  const options: Partial<Record<(typeof optionNames)[number], string>> = {};
  if ((args.count - first) % 2 !== 0) return undefined;
  for (let at = first; at < args.count; at += 2) {
    const name = optionNames.find((each) => isWord(args, at, each));
    if (name === undefined || options[name] !== undefined) return undefined;
    options[name] = textOf(args, at + 1);
  }
  return options;
}

async function look({ context }: Connection, request: SkipRequest): Promise<Reply> {
  const found = await context.node.lookAtSkip(request);
  return Buffer.from(JSON.stringify(found), "utf8").toString("latin1");
}

async function skip({ context }: Connection, { request, by, because }: Said): Promise<Reply> {
  const { node, clock } = context;
  // Asked for again it is so already, and its replicas have gone on.
  if (isSkipped(node.directoryState, request)) return node.directoryState.epoch;
  const found = await node.lookAtSkip(request);
  const entry = skippedEntry(found, { atMs: Math.trunc(clock.wallMs()), by, because });
  const { epoch } = await node.changeDirectory({ kind: "skip", entry });
  return epoch;
}

function isSkipped({ skips }: DirectoryState, { shard, index, checksum = "" }: SkipRequest): boolean {
  return skips.some((each) => each.shard === shard && each.index === index && each.checksum.startsWith(checksum));
}

function answer(connection: Connection, found: Promise<Reply>): Reply {
  const { ticket } = connection;
  found.then(
    (reply) => connection.reply(ticket, reply),
    (error: unknown) => connection.reply(ticket, errorReply(connection, error)),
  );
  return answeredLater;
}
