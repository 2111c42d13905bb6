import { describe, expect, test } from "vitest";
import { type CommandArgument, type CommandSpec, commandTable } from "../keyspace/index.ts";
import { MapReply, type Reply, SetReply, SimpleString } from "../resp/index.ts";
import { commandDocs } from "./command-details.ts";
import { ServedCommands } from "./served-command.ts";
import { serverCommands } from "./server-commands.ts";

const { all } = new ServedCommands(commandTable.specs, serverCommands);
const commands = all.filter(({ spec }) => spec.subcommands.length === 0);

/** They take the words of other commands; Redis describes none. */
const undescribed: ReadonlySet<string> = new Set(["command|getkeys", "command|getkeysandflags", "debug"]);

function expectWhole(spec: CommandSpec<never>, argument: CommandArgument): void {
  expect(argument.name).not.toBe("");
  expect(argument.arguments !== undefined).toBe(argument.type === "oneof" || argument.type === "block");
  expect(argument.keySpecification !== undefined).toBe(argument.type === "key");
  if (argument.keySpecification !== undefined)
    expect(argument.keySpecification).toBeLessThan(spec.keySpecifications.length);
  if (argument.type === "pure-token") expect(argument.token).toMatch(/./);
  for (const part of argument.arguments ?? []) expectWhole(spec, part);
}

describe("every command describes the words that it takes", () => {
  test.for(commands.map(({ name, spec }) => ({ name, spec })))("$name", ({ name, spec }) => {
    const takenMin = Math.abs(spec.arity) - name.split("|").length;
    // One without options stands for each word that it needs.
    const describedMin = undescribed.has(name) ? 0 : Math.min(takenMin, 1);
    expect(spec.arguments?.length ?? 0).toBeGreaterThanOrEqual(describedMin);
    if (spec.arity > 0 && takenMin === 0) expect(spec.arguments).toBe(undefined);
    for (const argument of spec.arguments ?? []) expectWhole(spec, argument);
  });
});

test("COMMAND DOCS tells of arguments within arguments", () => {
  const set = commands.find(({ name }) => name === "set")?.spec as CommandSpec<never>;
  const [name, docs] = commandDocs(set);
  expect(name).toBe("set");
  const entries = docs instanceof MapReply ? docs.entries : [];
  const [key, value, condition] = entries[entries.indexOf("arguments") + 1] as Reply[];
  expect(key).toEqual(new MapReply(["name", "key", "type", "key", "key_spec_index", 0]));
  expect(value).toEqual(new MapReply(["name", "value", "type", "string"]));
  const token = (text: string): MapReply =>
    new MapReply(["name", text.toLowerCase(), "type", "pure-token", "token", text]);
  const optional = new SetReply([new SimpleString("optional")]);
  expect(condition).toEqual(
    new MapReply([
      ...["name", "condition", "type", "oneof", "since", "2.6.12", "flags"],
      optional,
      "arguments",
      [token("NX"), token("XX")],
    ]),
  );
});
