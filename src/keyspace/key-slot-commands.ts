/** The keys of one hash slot: `CLUSTER COUNTKEYSINSLOT`, `CLUSTER GETKEYSINSLOT`. */
import { type Arguments, ErrorReply, type Reply } from "../resp/index.ts";
import { slotCount } from "../ring/index.ts";
import type { CommandSpec } from "./command.ts";
import { integerArgument } from "./integer.ts";
import { positionOfSlot } from "./key-hash.ts";
import { noKeys } from "./key-specification.ts";
import type { Keyspace } from "./keyspace.ts";
import { notAnInteger } from "./replies.ts";

const invalidSlot = new ErrorReply("ERR Invalid slot");
const invalidSlotOrCount = new ErrorReply("ERR Invalid slot or number of keys");

function countKeysInSlot(keyspace: Keyspace, args: Arguments): Reply {
  const slot = integerArgument(args, 2);
  if (slot === undefined) return notAnInteger;
  return isSlot(slot) ? keysInSlot(keyspace, slot, Number.POSITIVE_INFINITY).length : invalidSlot;
}

function getKeysInSlot(keyspace: Keyspace, args: Arguments): Reply {
  const slot = integerArgument(args, 2);
  const count = integerArgument(args, 3);
  if (slot === undefined || count === undefined) return notAnInteger;
  return isSlot(slot) && count >= 0 ? keysInSlot(keyspace, slot, Number(count)) : invalidSlotOrCount;
}

function isSlot(slot: number | bigint): slot is number {
  return typeof slot === "number" && slot >= 0 && slot < slotCount;
}

function keysInSlot(keyspace: Keyspace, slot: number, countMax: number): string[] {
  const keys: string[] = [];
  if (keyspace.meetsDueKey()) return keys;
  const end = positionOfSlot(slot + 1);
  for (const walk = keyspace.walk(positionOfSlot(slot)); !walk.isOver && walk.position < end; walk.next()) {
    if (keys.length >= countMax) break;
    if (keyspace.isLive(walk)) keys.push(walk.key);
  }
  return keys;
}

const common = {
  flags: ["stale"],
  ...noKeys,
  group: "cluster",
  since: "3.0.0",
  categories: [],
  subcommands: [],
} as const;

export const keySlotCommands: readonly CommandSpec<Keyspace>[] = [
  {
    ...common,
    name: "CLUSTER",
    arity: -2,
    flags: [],
    summary: "A container for cluster commands",
    complexity: "Depends on subcommand.",
    tips: [],
    execute: undefined,
    subcommands: [
      {
        ...common,
        name: "COUNTKEYSINSLOT",
        arity: 3,
        summary: "Return the number of local keys in the specified hash slot",
        complexity: "O(1)",
        tips: [],
        arguments: [{ name: "slot", type: "integer" }],
        execute: countKeysInSlot,
      },
      {
        ...common,
        name: "GETKEYSINSLOT",
        arity: 4,
        summary: "Return local key names in the specified hash slot",
        complexity: "O(log(N)) where N is the number of requested keys",
        tips: ["nondeterministic_output"],
        arguments: [
          { name: "slot", type: "integer" },
          { name: "count", type: "integer" },
        ],
        execute: getKeysInSlot,
      },
    ],
  },
];
