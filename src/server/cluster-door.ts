/**
 * The cluster port: the same commands as on the plain port, for clients that find the shard of a key by themselves. What
 * belongs to a shard that another node leads is answered with where that is.
 */
import { keysOf, sessionCommand } from "../keyspace/index.ts";
import { type Arguments, ErrorReply } from "../resp/index.ts";
import { hashSlot } from "../ring/index.ts";
import type { KeyspaceCommand } from "./served-command.ts";
import type { ServedNode } from "./served-node.ts";

/** The attribute of a node that says where it serves cluster clients: "host:port". */
export const clusterAddressAttribute = "cluster";

/** Redis' words on the plain port, and where to go instead. */
export function clusterDisabled(node: ServedNode): ErrorReply {
  const address = node.topology().nodes.find(({ isSelf }) => isSelf)?.attributes[clusterAddressAttribute];
  const cure = address === undefined ? "" : `: clients of Redis Cluster are served at ${address}`;
  return new ErrorReply(`ERR This instance has cluster support disabled${cure}`);
}

const crossSlot = new ErrorReply("CROSSSLOT Keys in request don't hash to the same slot");

/** Why a command is not for this node: undefined if it is, or if nobody knows whose. */
export function redirection(node: ServedNode, command: KeyspaceCommand, args: Arguments): ErrorReply | undefined {
  const slot = slotOf(command, args);
  if (slot === undefined || slot instanceof ErrorReply) return slot;
  const address = node.leaderAttribute(slot, clusterAddressAttribute);
  return address === undefined ? undefined : new ErrorReply(`MOVED ${slot} ${address}`);
}

/** The slot of all keys; undefined without keys. */
function slotOf(command: KeyspaceCommand, args: Arguments): number | ErrorReply | undefined {
  // A session belongs to a shard, and what runs in it does too.
  if (command === sessionCommand.spec) return sessionCommand.slotOf(args);
  const { keys, flags } = command;
  if (keys === undefined || flags.includes("movablekeys")) return slotOfListed(command, args);
  const last = keys.last < 0 ? args.count + keys.last : keys.last;
  const slot = slotOfWord(args, keys.first);
  for (let word = keys.first + keys.step; word <= last; word += keys.step)
    if (slotOfWord(args, word) !== slot) return crossSlot;
  return slot;
}

function slotOfListed(command: KeyspaceCommand, args: Arguments): number | ErrorReply | undefined {
  if (command.keySpecifications.length === 0) return undefined;
  const slots = new Set((keysOf(command, args.texts()) ?? []).map(({ word }) => slotOfWord(args, word)));
  return slots.size > 1 ? crossSlot : [...slots][0];
}

function slotOfWord(args: Arguments, word: number): number {
  return hashSlot(args.bytes, args.starts[word], args.ends[word]);
}
