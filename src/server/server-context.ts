import { Context, go, Ticker } from "../channels/index.ts";
import type { Clock, Logger, Process, Random } from "../platform/index.ts";
import { Arguments, scratchBytes } from "../resp/index.ts";
import { ClientPause } from "./client-pause.ts";
import type { ServerConfig } from "./config.ts";
import type { Connection } from "./connection.ts";
import { LatencyMonitor } from "./latency-monitor.ts";
import { monitorLine } from "./monitor.ts";
import { OpenSockets } from "./open-sockets.ts";
import { OutputLimit } from "./output-limit.ts";
import type { ServedCommand, ServedCommands } from "./served-command.ts";
import type { ServedNode } from "./served-node.ts";
import type { ServerLimits } from "./server-limits.ts";
import type { ShutdownRequest } from "./shutdown.ts";
import { Slowlog } from "./slowlog.ts";
import { ServerStatistics } from "./statistics.ts";

/** How often rates are sampled and idle clients are looked for. */
const housekeepingMs = 1_000;

export interface ServerContextOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly process: Process;
  readonly logger: Logger;
  readonly node: ServedNode;
  readonly commands: ServedCommands;
  readonly config: ServerConfig;
  readonly limits: ServerLimits;
  /** 40 hexadecimal digits, another at each start. */
  readonly runId: string;
  readonly shutdown: ((request: ShutdownRequest) => void) | undefined;
}

/** What all connections of one server have in common. */
export class ServerContext {
  readonly clock: Clock;
  readonly process: Process;
  readonly logger: Logger;
  readonly node: ServedNode;
  readonly commands: ServedCommands;
  readonly config: ServerConfig;
  readonly limits: ServerLimits;
  readonly runId: string;
  readonly shutdown: ((request: ShutdownRequest) => void) | undefined;

  readonly statistics: ServerStatistics = new ServerStatistics();
  readonly slowlog: Slowlog;
  readonly latency: LatencyMonitor;
  readonly pause: ClientPause;
  /** By id, in the order in which they came. */
  readonly connections: Map<number, Connection> = new Map<number, Connection>();
  readonly monitors: Set<Connection> = new Set<Connection>();
  /** Those too that serve no more but are not closed yet. */
  readonly sockets: OpenSockets = new OpenSockets();

  /** Filled anew by each connection for each command. */
  readonly args: Arguments = new Arguments();
  /** For the parsers of all connections. */
  readonly scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes);

  readonly startedMs: number;
  readonly startedWallMs: number;
  /** Connections too many that are being told so. */
  turnedAwayCount = 0;
  /** Memory held for unfinished commands, by all connections. */
  unfinishedBytes = 0;
  /** Clients that wait in a blocking command, or for the end of a pause. */
  blockedCount = 0;
  peakHeapBytes = 0;
  isLatencyTracked = true;
  /** `client-query-buffer-limit` and `proto-max-bulk-len`. */
  queryBytesMax = 0;
  bulkBytesMax = 0;
  readonly outputLimit: OutputLimit;

  #nextConnectionId = 1;
  #turnMs: number | undefined;
  #idleMsMax = Number.POSITIVE_INFINITY;
  #isTurnArmed = false;
  #dirty: Connection[] = [];
  #resumable: Connection[] = [];
  /** Ends with the server; its background duties run under it. */
  readonly #lifetime: Context;

  constructor(options: ServerContextOptions) {
    this.clock = options.clock;
    this.process = options.process;
    this.logger = options.logger;
    this.node = options.node;
    this.commands = options.commands;
    this.config = options.config;
    this.limits = options.limits;
    this.runId = options.runId;
    this.shutdown = options.shutdown;
    this.slowlog = new Slowlog(this.config);
    this.latency = new LatencyMonitor(this.config);
    this.outputLimit = new OutputLimit(this.config);
    this.pause = new ClientPause(this.clock);
    this.startedMs = this.clock.nowMs();
    this.startedWallMs = this.clock.wallMs();
    this.config.onValue("timeout", (value) => {
      this.#idleMsMax = value === "0" ? Number.POSITIVE_INFINITY : Number(value) * 1_000;
    });
    this.config.onValue("latency-tracking", (value) => {
      this.isLatencyTracked = value === "yes";
    });
    this.config.onValue("client-query-buffer-limit", (value) => {
      this.queryBytesMax = Number(value);
    });
    this.config.onValue("proto-max-bulk-len", (value) => {
      this.bulkBytesMax = Number(value);
      for (const connection of this.connections.values()) connection.input.setBulkBytesMax(this.bulkBytesMax);
    });
    this.#lifetime = Context.background(options).child();
    go((context) => this.#keepHouse(context), this.#lifetime);
  }

  /**
   * The time of this turn, monotonic: read once, however many commands and replies there are. Whoever asks has to see
   * to it that the turn ends, by `armTurn` or what calls it.
   */
  get turnMs(): number {
    this.#turnMs ??= this.clock.nowMs();
    return this.#turnMs;
  }

  takeConnectionId(): number {
    return this.#nextConnectionId++;
  }

  /** `connection` has output: it is flushed, once, at the end of this turn. */
  markDirty(connection: Connection): void {
    this.#dirty.push(connection);
    this.armTurn();
  }

  /** `connection` can go on with input that it has kept: it does so at the end of this turn. */
  markResumable(connection: Connection): void {
    this.#resumable.push(connection);
    this.armTurn();
  }

  /** Shows a command that runs, or ran, to all who watch. */
  feedMonitors(sender: Connection, command: ServedCommand, args: Arguments): void {
    if (!command.isShownToMonitors) return;
    const line = monitorLine(sender, command, args, this.clock.wallMs());
    for (const monitor of [...this.monitors]) monitor.push(line);
  }

  /** Puts a command that took `milliseconds` into the slow log, if it was slow. */
  noteDuration(sender: Connection, milliseconds: number, words: () => readonly string[]): void {
    const microseconds = Math.round(milliseconds * 1_000);
    if (microseconds < this.slowlog.thresholdUs) return;
    this.slowlog.record({
      wallSeconds: Math.floor(this.clock.wallMs() / 1_000),
      microseconds,
      words: words(),
      address: `${sender.address.host}:${sender.address.port}`,
      clientName: sender.name,
    });
  }

  /** `connection` is gone. */
  forget(connection: Connection): void {
    this.connections.delete(connection.id);
    this.monitors.delete(connection);
    this.pause.forget(connection);
  }

  close(): void {
    this.#lifetime.cancel();
    this.pause.end();
  }

  /**
   * Has this turn end with a flush. After the commands of a chunk have gone to the node, not before: what the node does
   * at the end of the turn then comes first, and its replies go out at once.
   */
  armTurn(): void {
    if (this.#isTurnArmed) return;
    this.#isTurnArmed = true;
    this.clock.atEndOfTurn(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isTurnArmed = false;
    this.#turnMs = undefined;
    if (this.#resumable.length > 0) {
      const resumable = this.#resumable;
      this.#resumable = [];
      for (const connection of resumable) connection.resume();
    }
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  };

  async #keepHouse(context: Context): Promise<void> {
    for await (const nowMs of new Ticker(housekeepingMs, context).ticks) {
      this.statistics.sampleRates(nowMs);
      this.peakHeapBytes = Math.max(this.peakHeapBytes, this.process.memory().heapBytes);
      if (this.#idleMsMax !== Number.POSITIVE_INFINITY) {
        for (const connection of [...this.connections.values()]) connection.closeIfIdle(nowMs - this.#idleMsMax);
      }
      if (this.outputLimit.isSet) for (const connection of [...this.connections.values()]) connection.checkOutput();
    }
  }
}
