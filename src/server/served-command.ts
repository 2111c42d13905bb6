import { type CommandSpec, CommandTable, type Keyspace, sessionCommand } from "../keyspace/index.ts";
import { assert } from "../platform/index.ts";
import type { Arguments, ErrorReply } from "../resp/index.ts";
import type { ServerCommand } from "./server-command.ts";
import { CommandStatistics } from "./statistics.ts";

export type KeyspaceCommand = CommandSpec<Keyspace>;

const independentCommands: ReadonlySet<string> = new Set(["ping", "echo", "time", "select"]);
/** Their replies are made for them, from all keys or much computing, and can be far longer than the command. */
const lonelyCommands: ReadonlySet<string> = new Set(["keys", "lcs", "randomkey", "scan"]);
/** Change bytes in place that a reply which waits may share, and would then have to keep as a copy of its own. */
const overwritingCommands: ReadonlySet<string> = new Set(["setrange"]);
/** Writes that leave the value where it is and answer it. */
const sharingWrites: ReadonlySet<string> = new Set(["getex"]);

const clusterNames: ReadonlySet<string> = new Set(["cluster", "readonly", "readwrite", "asking"]);

/** A command that clients of this server may call, a subcommand included, with what dispatch asks of each call. */
export class ServedCommand {
  /** "get", "client|list". */
  readonly name: string;
  readonly spec: CommandSpec<never>;
  /** Set if the node runs the command: over the keyspace of the shard that has the key. */
  readonly keyspaceCommand: KeyspaceCommand | undefined;
  /** Set if this server runs it. */
  readonly serverCommand: ServerCommand | undefined;
  readonly needsPassword: boolean;
  /** Stopped by `CLIENT PAUSE … WRITE`. */
  readonly isWrite: boolean;
  readonly isShownToMonitors: boolean;
  readonly isInSlowlog: boolean;
  readonly isFast: boolean;
  /** Its words may hold another command: see `within`. */
  readonly runsAnother: boolean;
  /** Depends on no other command, and none depends on it: need not wait for those before it. */
  readonly runsAtOnce: boolean;
  /** One at a time for each client, once its replies before are on their way: many could take memory without end. */
  readonly runsAlone: boolean;
  /** Runs once all replies that may share its value are on their way: each could leave a copy of it. */
  readonly overwrites: boolean;
  /** Its reply may share the value that it came from. */
  readonly shares: boolean;
  /** Answered on the cluster port alone. */
  readonly isForCluster: boolean;
  readonly statistics: CommandStatistics = new CommandStatistics();

  constructor(name: string, command: { readonly keyspace: KeyspaceCommand } | { readonly server: ServerCommand }) {
    this.name = name;
    this.keyspaceCommand = "keyspace" in command ? command.keyspace : undefined;
    this.serverCommand = "server" in command ? command.server : undefined;
    this.spec = "keyspace" in command ? command.keyspace : command.server;
    const { flags } = this.spec;
    this.needsPassword = !flags.includes("no_auth");
    this.isWrite = flags.includes("write") || flags.includes("may_replicate");
    this.isShownToMonitors = !flags.includes("skip_monitor") && !flags.includes("admin");
    this.isInSlowlog = !flags.includes("skip_slowlog");
    this.isFast = flags.includes("fast");
    this.runsAnother = this.spec.innerCommandAt !== undefined;
    this.runsAtOnce = independentCommands.has(name);
    this.runsAlone = lonelyCommands.has(name);
    this.overwrites = overwritingCommands.has(name);
    this.shares = !this.isWrite || sharingWrites.has(name);
    this.isForCluster = clusterNames.has(name.split("|")[0] ?? "") && name !== "cluster|help";
  }
}

/** The keyspace's commands and the server's as one table; a container that both have has the subcommands of both. */
export class ServedCommands {
  /** With every subcommand after its container, by name. */
  readonly all: readonly ServedCommand[];
  readonly #table: CommandTable<never>;
  readonly #bySpec = new Map<CommandSpec<never>, ServedCommand>();

  constructor(keyspaceCommands: readonly KeyspaceCommand[], serverCommands: readonly ServerCommand[]) {
    const specs = new Map<string, CommandSpec<never>>();
    const commands: ServedCommand[] = [];
    for (const server of serverCommands) {
      const shared = keyspaceCommands.find((spec) => spec.name === server.name);
      assert(shared === undefined || shared.execute === undefined, "only containers stand in both tables");
      const name = server.name.toLowerCase();
      const spec: CommandSpec<never> =
        shared === undefined ? server : { ...server, subcommands: [...server.subcommands, ...shared.subcommands] };
      specs.set(server.name, spec);
      const served = new ServedCommand(name, { server });
      commands.push(served);
      this.#bySpec.set(spec, served);
      for (const subcommand of server.subcommands) this.#add(commands, name, { server: subcommand });
      for (const subcommand of shared?.subcommands ?? []) this.#add(commands, name, { keyspace: subcommand });
    }
    for (const keyspace of keyspaceCommands) {
      if (specs.has(keyspace.name)) continue;
      specs.set(keyspace.name, keyspace);
      this.#add(commands, undefined, { keyspace });
      for (const subcommand of keyspace.subcommands)
        this.#add(commands, keyspace.name.toLowerCase(), { keyspace: subcommand });
    }
    this.all = commands.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.#table = new CommandTable([...specs.values()]);
  }

  /** Top-level commands, containers included, with the subcommands of both tables; by name. */
  get specs(): readonly CommandSpec<never>[] {
    return this.#table.specs;
  }

  /** The command that `args` calls, with as many words as it needs; undefined if there is none: see {@link refusal}. */
  resolve(args: Arguments): ServedCommand | undefined {
    const spec = this.#table.resolve(args);
    return spec === undefined ? undefined : this.#bySpec.get(spec);
  }

  /** Why `resolve` found nothing, in Redis' words. */
  refusal(args: Arguments): ErrorReply {
    return this.#table.refusal(args);
  }

  /** The command of that name ("get", "client|list") in any case, with its description. */
  named(name: string): CommandSpec<never> | undefined {
    const [container = "", subcommand, ...rest] = name.toUpperCase().split("|");
    const spec = this.#table.get(container);
    if (subcommand === undefined || spec === undefined) return spec;
    return rest.length > 0 ? undefined : spec.subcommands.find((candidate) => candidate.name === subcommand);
  }

  /** The command that is carried out within `command`, or else itself. */
  within(command: ServedCommand, args: Arguments): ServedCommand {
    const spec = command.spec === sessionCommand.spec ? sessionCommand.innerOf(args)?.spec : undefined;
    return (spec && this.#bySpec.get(spec)) ?? command;
  }

  /** The command whose name the words begin with, whatever their number, for statistics; undefined if unknown. */
  attempted(args: Arguments): ServedCommand | undefined {
    const spec = this.#table.get(args.text(0));
    if (spec === undefined) return undefined;
    const subcommand =
      args.count > 1 ? spec.subcommands.find(({ name }) => name === args.text(1).toUpperCase()) : undefined;
    return this.#bySpec.get(subcommand ?? spec);
  }

  #add(
    commands: ServedCommand[],
    container: string | undefined,
    command: { readonly keyspace: KeyspaceCommand } | { readonly server: ServerCommand },
  ): void {
    const spec = "keyspace" in command ? command.keyspace : command.server;
    const name = spec.name.toLowerCase();
    const served = new ServedCommand(container === undefined ? name : `${container}|${name}`, command);
    commands.push(served);
    this.#bySpec.set(spec, served);
  }
}
