import { expect, test } from "vitest";
import { entryOf, Replica } from "../../test/keyspace/replica.ts";
import { Arguments, ok } from "../resp/index.ts";
import type { CommandSpec } from "./command.ts";
import { CommandTable } from "./command-table.ts";
import { entryCommandTable, semanticsCommand } from "./commands.ts";
import { EntryUnknownError } from "./entry.ts";
import { Keyspace } from "./keyspace.ts";
import { semanticsLevelMax } from "./semantics.ts";
import { sessionCommandOver } from "./session-commands.ts";

/** What every version has carried out from the beginning. */
const firstCommands = `
  APPEND CHECKSUM CLUSTER|COUNTKEYSINSLOT CLUSTER|GETKEYSINSLOT COPY COTERIE|SESSION DBSIZE DECR DECRBY DEL DIRECTORY-CHANGE EXISTS EXPIRE EXPIREAT EXPIRETIME
  FLUSHALL FLUSHDB GET GETDEL GETEX GETRANGE GETSET INCR INCRBY INCRBYFLOAT KEYS LCS MEMORY|USAGE MGET MSET
  MSETNX OBJECT|ENCODING OBJECT|FREQ OBJECT|HELP OBJECT|IDLETIME OBJECT|REFCOUNT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PSETEX PTTL
  RANDOMKEY RENAME RENAMENX SCAN SEMANTICS-LEVEL SET SETEX SETNX SETRANGE STRLEN SUBSTR TOUCH TTL TYPE UNLINK
`;

const set = entryCommandTable.get("SET") as CommandSpec<Keyspace>;
const planted: CommandSpec<Keyspace> = { ...set, name: "PLANTED", semanticsLevel: 2 };
const session = sessionCommandOver(new CommandTable([set, planted]));
const table = new CommandTable([
  set,
  planted,
  semanticsCommand,
  { ...(entryCommandTable.get("COTERIE") as CommandSpec<Keyspace>), subcommands: [session.spec] },
]);

function flat(specs: readonly CommandSpec<Keyspace>[], before = ""): readonly CommandSpec<Keyspace>[] {
  return specs.flatMap((spec) => {
    const name = before + spec.name;
    return spec.subcommands.length > 0 ? flat(spec.subcommands, `${name}|`) : [{ ...spec, name }];
  });
}

test("a command that was added says from which semantics level on all nodes know it [A-2]", () => {
  const names = flat(entryCommandTable.specs).filter(({ semanticsLevel = 1 }) => semanticsLevel === 1);
  // What is new here, and has no `semanticsLevel`, would stop the replicas of older versions in the middle of an upgrade.
  expect(names.map(({ name }) => name).toSorted()).toEqual(firstCommands.trim().split(/\s+/));
  for (const { name, semanticsLevel = 1 } of flat(entryCommandTable.specs))
    expect([name, semanticsLevel <= semanticsLevelMax]).toEqual([name, true]);
});

test("an entry that holds a command from before its level is carried out by nobody [A-2]", () => {
  const replica = new Replica(new Keyspace({ semanticsLevelMax: 2 }), table);
  const [id] = replica.write(1, ["COTERIE", "SESSION", "OPEN"]) as [string];
  const words = [
    ["PLANTED", "k", "v"],
    ["COTERIE", "SESSION", "RUN", id, "1", "0", "PLANTED", "k", "w"],
  ];
  for (const each of words) {
    const other = new Replica(new Keyspace({ semanticsLevelMax: 2 }), table);
    other.write(1, ["COTERIE", "SESSION", "OPEN"]);
    expect(() => other.apply(entryOf([each], { timeMs: 1 }))).toThrow(EntryUnknownError);
  }
  const replies = replica.write(1, ["SEMANTICS-LEVEL", "2"], ...words);
  expect(replies).toEqual([ok, ok, ok]);
});

test("below its level a command in a session stands in the log as refused [A-2, S-1]", () => {
  const run = ["COTERIE", "SESSION", "RUN", "7-ab", "5", "4", "PLANTED", "k", "v"];
  expect(session.entryOf(Arguments.of(run), 2).texts()).toEqual(run);
  expect(session.entryOf(Arguments.of(run), 1).texts()).toEqual([
    ...["COTERIE", "SESSION", "FAIL", "7-ab", "5", "4"],
    "NOTUPGRADED PLANTED is of semantics level 2, and its shard is at level 1: it did not happen. Once all nodes run a version that knows it: coterie cluster finish-upgrade.",
  ]);
});
