import type { CommandArgument, CommandSpec } from "./command.ts";
import type { Keyspace } from "./keyspace.ts";

const id: CommandArgument = { name: "id", type: "string" };

/** What `COMMAND` and `COMMAND DOCS` say of `COTERIE SESSION`. */
export const sessionCommandDocs: Omit<CommandSpec<Keyspace>, "execute"> = {
  name: "SESSION",
  arity: -3,
  flags: ["write", "movablekeys", "no_mandatory_keys"],
  keys: undefined,
  keySpecifications: [
    {
      flags: ["RW", "access", "update"],
      notes: "The keys are those of the command within RUN",
      begin: { kind: "unknown" },
      find: { kind: "unknown" },
    },
  ],
  group: "coterie",
  categories: [],
  summary: "Carry out numbered commands that may be sent again and take effect once",
  since: "0.1.0",
  complexity: "That of the command within RUN; otherwise O(log(N)) where N is the number of sessions",
  tips: [],
  subcommands: [],
  arguments: [
    {
      name: "action",
      type: "oneof",
      arguments: [
        {
          name: "open",
          type: "block",
          arguments: [
            { name: "open", type: "pure-token", token: "OPEN" },
            { name: "milliseconds", type: "integer", token: "TTL", flags: ["optional"] },
            { name: "key", type: "string", token: "KEY", flags: ["optional"] },
          ],
        },
        {
          name: "close",
          type: "block",
          arguments: [{ name: "close", type: "pure-token", token: "CLOSE" }, id],
        },
        {
          name: "run",
          type: "block",
          arguments: [
            { name: "run", type: "pure-token", token: "RUN" },
            id,
            { name: "sequence", type: "integer" },
            { name: "acknowledged", type: "integer" },
            { name: "command", type: "string" },
            { name: "arg", type: "string", flags: ["optional", "multiple"] },
          ],
        },
      ],
    },
  ],
};
