import { expect, test } from "vitest";
import { Arguments, ErrorReply } from "../resp/index.ts";
import { type CommandSpec, isWrite } from "./command.ts";
import { CommandTable } from "./command-table.ts";
import { commandTable, entryCommandTable } from "./commands.ts";
import type { Keyspace } from "./keyspace.ts";

function refusal(...words: string[]): string {
  const args = Arguments.of(words);
  expect(commandTable.resolve(args)).toBeUndefined();
  return commandTable.refusal(args).text;
}

test("a command is found by its name in any case, anywhere in a buffer", () => {
  for (const spec of entryCommandTable.specs) {
    const mixed = spec.name.replace(/[A-M]/g, (letter) => letter.toLowerCase());
    const bytes = Buffer.from(`xx${mixed}yy`);
    expect(entryCommandTable.find(bytes, 2, 2 + mixed.length)).toBe(spec);
    expect(entryCommandTable.find(bytes, 2, 3 + mixed.length)).toBeUndefined();
    expect(entryCommandTable.find(bytes, 2, 1 + mixed.length)?.name).not.toBe(spec.name);
  }
});

test("letters and other bytes that differ in one bit are not the same", () => {
  const spec = { ...(commandTable.get("GET") as CommandSpec<Keyspace>), name: "SEMANTICS-LEVEL" };
  const table = new CommandTable([spec]);
  expect(table.get("semantics-level")).toBe(spec);
  expect(table.get("semantics\rlevel")).toBeUndefined();
  expect(new CommandTable([]).get("get")).toBeUndefined();
});

test("what calls no command is refused in Redis' words", () => {
  expect(refusal("nosuch")).toBe("ERR unknown command 'nosuch', with args beginning with: ");
  expect(refusal("NoSuch", "a", "b\r\nc", "d\0e")).toBe(
    "ERR unknown command 'NoSuch', with args beginning with: 'a' 'b  c' 'd' ",
  );
  expect(refusal("x".repeat(200), "y".repeat(100), "z".repeat(100), "w")).toBe(
    `ERR unknown command '${"x".repeat(128)}', with args beginning with: '${"y".repeat(100)}' '${"z".repeat(25)}' `,
  );
  expect(refusal("get")).toBe("ERR wrong number of arguments for 'get' command");
  expect(refusal("GET", "a", "b")).toBe("ERR wrong number of arguments for 'get' command");
  expect(refusal("object")).toBe("ERR wrong number of arguments for 'object' command");
  expect(refusal("Object", "what?")).toBe("ERR unknown subcommand 'what?'. Try OBJECT HELP.");
  expect(refusal("object", "Encoding")).toBe("ERR wrong number of arguments for 'object|encoding' command");
});

test("a subcommand is resolved with its container", () => {
  expect(commandTable.resolve(Arguments.of(["object", "encoding", "k"]))?.name).toBe("ENCODING");
  expect(commandTable.resolve(Arguments.of(["OBJECT", "help"]))?.name).toBe("HELP");
});

test("clients reach no command of the nodes", () => {
  expect(refusal("checksum")).toContain("unknown command");
  expect(refusal("semantics-level", "2")).toContain("unknown command");
  expect(entryCommandTable.resolve(Arguments.of(["CHECKSUM"]))?.name).toBe("CHECKSUM");
});

test("every command either writes or reads, and can be run", () => {
  const visit = (spec: CommandSpec<Keyspace>): void => {
    if (spec.subcommands.length > 0) spec.subcommands.forEach(visit);
    else if (spec.name !== "HELP" && spec.group !== "cluster")
      expect([spec.name, isWrite(spec)]).toEqual([spec.name, !spec.flags.includes("readonly")]);
    expect(spec.execute === undefined).toBe(spec.subcommands.length > 0);
  };
  entryCommandTable.specs.forEach(visit);
});

test("two commands of one name are a bug", () => {
  const get = commandTable.get("GET") as CommandSpec<Keyspace>;
  expect(() => new CommandTable([get, get])).toThrow("two commands are called GET");
  expect(commandTable.refusal(Arguments.of(["x"]))).toBeInstanceOf(ErrorReply);
});
