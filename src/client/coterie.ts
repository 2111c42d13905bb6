/**
 * The embedded form: a cluster of one node within this process, on a directory or in memory. It is the same node, with
 * the same log and the same commands, as `coterie start` runs; what it lacks is peers and, unless asked for, a port.
 */
import { Context } from "../channels/index.ts";
import { Node } from "../cluster/index.ts";
import {
  createNodePlatform,
  DiskError,
  type Exit,
  type Logger,
  type Platform,
  silentLogger,
} from "../platform/index.ts";
import type { Reply } from "../resp/index.ts";
import { shardsMax } from "../ring/index.ts";
import { RedisServer } from "../server/index.ts";
import { CommandNotEmbeddedError, InvalidOptionError, StoreClosedError } from "./command-error.ts";
import { LocalConnection } from "./local-connection.ts";
import { LocalNetwork } from "./local-network.ts";
import {
  bytesOfText,
  type CommandArgument,
  encodeCommand,
  type ReplyValue,
  textOfBytes,
  toValue,
} from "./reply-value.ts";
import { Session, type SessionOptions } from "./session.ts";

export interface CoterieOptions {
  /** The directory that holds the data; made where it is missing, used by one process at a time. */
  readonly dir?: string | undefined;
  /** True: everything stays in memory, and `close` forgets it. Exactly one of `dir` and `memory` is given. */
  readonly memory?: boolean | undefined;
  /** Serves Redis clients on this port of 127.0.0.1 as well; 0 takes any free one. By default there is no port. */
  readonly port?: number | undefined;
  /** What clients of the port must know. By default nothing. */
  readonly password?: string | undefined;
  /** Over how many shards the keys are divided, from the first start on: only worth it for a store that is to grow into a cluster. Default 1. */
  readonly shards?: number | undefined;
  /** Where events go. By default nowhere. */
  readonly logger?: Logger | undefined;
  /**
   * Ends the process when the disk fails a write or an `fdatasync`: nothing that was acknowledged could be relied upon
   * if the store went on. By default the reason goes to standard error and the exit code is 74. Must not return.
   */
  readonly exit?: Exit | undefined;
  /** The outside world, for tests. By default the real one. */
  readonly platform?: Platform | undefined;
}

const host = "127.0.0.1";
/** How long `close` waits for commands that are under way. */
const closeWaitMs = 5_000;

/**
 * A store in this process.
 *
 * ```ts
 * const store = await Coterie.start({ dir: "./data" });
 * await store.command("SET", "hello", "world");
 * await store.command("GET", "hello"); // "world"
 * await store.close();
 * ```
 *
 * Until `close` it keeps the process alive. All commands share one connection: they are carried out in the order in
 * which they were issued.
 */
export class Coterie {
  readonly #platform: Platform;
  readonly #node: Node;
  readonly #server: RedisServer;
  readonly #network: LocalNetwork;
  readonly #password: string | undefined;
  readonly #hasPort: boolean;
  #connection: LocalConnection | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    platform: Platform,
    node: Node,
    server: RedisServer,
    network: LocalNetwork,
    options: CoterieOptions,
  ) {
    this.#platform = platform;
    this.#node = node;
    this.#server = server;
    this.#network = network;
    this.#password = options.password;
    this.#hasPort = options.port !== undefined;
  }

  /**
   * Opens the store; commands may be issued at once.
   *
   * @throws INVALID_OPTION, DIRECTORY_IN_USE, DIRECTORY_UNREADABLE, LISTEN_FAILED, and the errors of the log (LOG_…)
   */
  static async start(options: CoterieOptions): Promise<Coterie> {
    checkOptions(options);
    const platform = options.platform ?? createNodePlatform(options.exit === undefined ? {} : { exit: options.exit });
    const logger = options.logger ?? silentLogger;
    const network = new LocalNetwork(options.port === undefined ? undefined : platform.network);
    const directory = options.dir;
    const { shards } = options;
    const node = await Node.start({ platform, logger, directory, shards, ...(await identityOf(platform, directory)) });
    try {
      const server = await RedisServer.listen({
        platform: { ...platform, network },
        logger,
        node,
        host,
        port: options.port ?? 0,
        ...(options.password === undefined
          ? {}
          : { password: Buffer.from(options.password, "utf8").toString("latin1") }),
      });
      return new Coterie(platform, node, server, network, options);
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  /** Where Redis clients find the store, such as "redis://127.0.0.1:50123"; undefined if no port was asked for. */
  get url(): string | undefined {
    return this.#hasPort ? `redis://${host}:${this.#server.address.port}` : undefined;
  }

  /**
   * Carries out one Redis command and resolves to its reply, with strings decoded as UTF-8 ({@link ReplyValue} says what
   * becomes what).
   *
   * @throws {CommandError} an error reply; `outcome` says whether the command may have happened
   * @throws COMMAND_NOT_EMBEDDED, STORE_CLOSED, TOO_MANY_COMMANDS
   */
  async command(name: string, ...words: CommandArgument[]): Promise<ReplyValue> {
    return toValue(await this.#send(name, words), textOfBytes);
  }

  /** As `command`, but every bulk string of the reply is a `Uint8Array`. */
  async commandBytes(name: string, ...words: CommandArgument[]): Promise<ReplyValue<Uint8Array>> {
    return toValue(await this.#send(name, words), bytesOfText);
  }

  /**
   * A session: its commands take effect exactly once, whatever breaks on their way. Nothing is sent before its first
   * command. Whoever makes it closes it.
   *
   * @throws INVALID_OPTION
   */
  session(options: SessionOptions = {}): Session {
    const { clock, random } = this.#platform;
    const host = {
      clock,
      random,
      shardCount: this.#node.shardCount,
      send: ([name = "", ...words]: readonly CommandArgument[]) => this.#send(String(name), words),
      isOver: () => this.#closing !== undefined,
    };
    return new Session(host, options);
  }

  /** Waits for the commands that are under way, then closes the store. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #send(name: string, words: readonly CommandArgument[]): Promise<Reply> {
    if (this.#closing !== undefined) {
      return Promise.reject(new StoreClosedError(`${name} came after the store was closed.`, "notApplied"));
    }
    const reason = refusalOf(name, words[0]);
    if (reason !== undefined) return Promise.reject(new CommandNotEmbeddedError(reason));
    if (this.#connection === undefined || this.#connection.isClosed) this.#connection = this.#connect();
    return this.#connection.send(encodeCommand([name, ...words]));
  }

  #connect(): LocalConnection {
    const connection = new LocalConnection((handlers) => this.#network.open(handlers));
    const login = this.#password === undefined ? [] : ["AUTH", "default", this.#password];
    // If it fails the connection is closed, and whatever was to follow says so.
    connection.send(encodeCommand(["HELLO", 3, ...login])).catch(() => {});
    return connection;
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    if (connection !== undefined) {
      const [patience, stop] = Context.background(this.#platform).withTimeout(closeWaitMs);
      await Promise.race([connection.idle(), patience.done()]);
      stop();
      connection.close();
    }
    await this.#node.close();
    await this.#server.close();
  }
}

function checkOptions({ dir, memory, port, password, shards }: CoterieOptions): void {
  if ((dir === undefined) === (memory !== true)) {
    throw new InvalidOptionError(
      'Coterie.start takes either dir (where the data is kept) or memory: true, such as { dir: "./data" }.',
    );
  }
  if (dir === "") throw new InvalidOptionError('dir is empty. Name a directory, such as { dir: "./data" }.');
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new InvalidOptionError(`port is a whole number from 0 (any free one) to 65535, not ${port}.`);
  if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= shardsMax))
    throw new InvalidOptionError(`shards is a whole number from 1 to ${shardsMax}, not ${shards}.`);
  if (password === "") throw new InvalidOptionError("password is empty. Leave it out, or give one.");
}

/** Who the node is at its first start: an id of its own, so that no other store's files pass for its own. */
async function identityOf(
  { disk, random }: Platform,
  directory: string | undefined,
): Promise<{ readonly name?: string; readonly clusterId?: string }> {
  if (directory !== undefined && (await isThere(disk, `${directory}/node.json`))) return {};
  return { name: "n1", clusterId: Buffer.from(random.bytes(16)).toString("hex") };
}

async function isThere(disk: Platform["disk"], path: string): Promise<boolean> {
  try {
    await disk.readFile(path);
    return true;
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return false;
    throw error;
  }
}

/** Commands that change the connection which all callers share, or whose replies are not one a command. */
const notEmbedded: ReadonlySet<string> = new Set([
  "HELLO",
  "RESET",
  "QUIT",
  "MONITOR",
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "MULTI",
  "EXEC",
  "DISCARD",
  "WATCH",
  "UNWATCH",
  "SYNC",
  "PSYNC",
]);

function refusalOf(name: string, first: CommandArgument | undefined): string | undefined {
  const command = name.toUpperCase();
  if (command === "SHUTDOWN") return "SHUTDOWN would stop the node under this process. Call close() instead.";
  const isReplyMode = command === "CLIENT" && typeof first === "string" && first.toUpperCase() === "REPLY";
  if (!isReplyMode && !notEmbedded.has(command)) return undefined;
  return `${isReplyMode ? "CLIENT REPLY" : command} would change the connection that all callers of command share. Ask for a port (port: 0) and use a Redis client on store.url.`;
}
