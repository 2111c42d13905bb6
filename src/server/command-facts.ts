import type { CommandArgument, CommandFlag, CommandGroup } from "../keyspace/index.ts";
import { type ClusterFactName, clusterFacts } from "./cluster-facts.ts";
import { type ConnectionFactName, connectionFacts } from "./connection-facts.ts";
import { type CoterieFactName, coterieFacts } from "./coterie-facts.ts";
import { type ServerFactName, serverFacts } from "./server-facts.ts";

/** What `COMMAND` and `COMMAND DOCS` say of a command that the server itself runs. None of them has keys. */
export interface CommandFacts {
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly group: CommandGroup;
  readonly since: string;
  readonly summary: string;
  /** Empty if Redis does not say. */
  readonly complexity: string;
  /** Beyond those that follow from the flags. */
  readonly categories?: readonly string[];
  readonly tips?: readonly string[];
  readonly arguments?: readonly CommandArgument[];
  readonly isSystemCommand?: true;
  readonly deprecation?: { readonly since: string; readonly replacedBy: string };
  readonly history?: readonly (readonly [version: string, change: string])[];
}

export type ServerCommandName = ConnectionFactName | ServerFactName | ClusterFactName | CoterieFactName;

/** Every command that the server itself runs; a subcommand is "container|subcommand". */
export const commandFacts: Readonly<Record<ServerCommandName, CommandFacts>> = {
  ...connectionFacts,
  ...serverFacts,
  ...clusterFacts,
  ...coterieFacts,
};
