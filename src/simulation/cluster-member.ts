import {
  JoinRefusedError,
  Node,
  type NodeAddress,
  type NodeOptions,
  type NodeSettings,
  nodeExitCode,
} from "../cluster/index.ts";
import {
  CoterieError,
  DiskError,
  type Logger,
  type LogLevel,
  type LogValue,
  type Platform,
  type SocketAddress,
} from "../platform/index.ts";
import { RedisServer } from "../server/index.ts";
import type { DiskSettings } from "./disk.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { ProcessEnd } from "./process.ts";
import { askOverNetwork } from "./simulated-join.ts";
import { type SimulatedVersion, settingsAs } from "./simulated-version.ts";
import type { SimulatedWorld } from "./world.ts";

export const redisPort = 7001;
export const peerPort = 17_001;
export const nodeDirectory = "/var/coterie";
const startRetryMs = 1_000;
export const secret = "the secret of all simulated nodes";

export interface MemberOptions {
  readonly name: string;
  readonly names: readonly string[];
  readonly shards: number;
  readonly replicas: number;
  readonly disk: Partial<DiskSettings>;
  readonly callbackMs: number;
  /** Without gossip, unless they say so. */
  readonly settings?: Partial<NodeSettings>;
  /** For a node that joins once it is told to: the Redis ports of the nodes that it may ask. Undefined: it is a first node. */
  readonly joins?: (() => readonly SocketAddress[]) | undefined;
  /** It began or ceased to be one of those that take part. */
  readonly onPresence?: () => void;
  /** Something happened that must not. */
  readonly onViolation: (text: string) => void;
}

/** A whole node of the cluster on a machine of its own: what `coterie start` runs, on a simulated platform. */
export class ClusterMember {
  readonly name: string;
  readonly machine: SimulatedMachine;
  readonly callbackMs: number;
  /** What it runs from its next start on. Undefined: there is but one version. */
  version: SimulatedVersion | undefined;
  readonly #world: SimulatedWorld;
  readonly #options: MemberOptions;
  readonly #expectedExits = new Map<number, number>();
  #node: Node | undefined;
  #startCount = 0;
  #excuse: string | undefined;
  #isGone = false;
  #isHalted = false;
  #isPresent: boolean;
  #mayBeRemoved = false;
  #isOutcast = false;
  #refusalCount = 0;

  constructor(world: SimulatedWorld, options: MemberOptions) {
    this.name = options.name;
    this.callbackMs = options.callbackMs;
    this.#world = world;
    this.#options = options;
    this.#isPresent = options.joins === undefined;
    this.machine = world.machine(options.name, {
      disk: options.disk,
      callbackMs: options.callbackMs,
      onProcessEnd: (end) => this.#processEnded(end),
    });
  }

  /** While it is up: the node itself, to be looked at. */
  get node(): Node | undefined {
    return this.#node;
  }

  get startCount(): number {
    return this.#startCount;
  }

  /** Its disk was damaged: it may be of no use any more. */
  get isExcused(): boolean {
    return this.#excuse !== undefined;
  }

  /** It refuses to start, or its peers refuse it, for good. One that runs is to come back, whatever its disk had lost. */
  get isGone(): boolean {
    return this.#isGone || !this.#isPresent;
  }

  /** Whether it is, or tries to be, a node of the cluster: it began to join if it is to, is not lost, and not removed. */
  get isPresent(): boolean {
    return this.#isPresent;
  }

  /** It is a machine that runs from now on, to join or once more. */
  enter(): void {
    this.#setPresent(true);
    this.#isGone = false;
    this.start();
  }

  /** The machine is lost: nobody starts it again but by `enter`. */
  lose(): void {
    this.#setPresent(false);
    this.machine.kill();
  }

  /** It was declared lost for good, and runs again all the same, as it was: it is to be refused, and to end. */
  returnInVain(): void {
    this.#isOutcast = true;
    this.#mayBeRemoved = true;
    this.start();
  }

  /** Declared lost for good, and running all the same. */
  get isOutcast(): boolean {
    return this.#isOutcast;
  }

  /** How often it was told that it was removed, and ended. */
  get refusalCount(): number {
    return this.#refusalCount;
  }

  /** An operator has stopped it: nobody starts it before `resume`. */
  halt(how: "kill" | "cutPower"): void {
    this.#isHalted = true;
    if (how === "kill") this.machine.kill();
    else this.machine.cutPower("random");
  }

  resume(): void {
    this.#isHalted = false;
    this.start();
  }

  /** An operator has asked that it be removed: from now on it may be refused as one that was, and is not started again. */
  expectRemoval(): void {
    this.#mayBeRemoved = true;
  }

  /** Whether that is said to a node which was removed, and this one may have been. */
  mayEndAs(reason: string): boolean {
    return this.#mayBeRemoved && reason.startsWith("REMOVED");
  }

  /** From now on it may stop its replica, refuse to start, or be refused by its peers. */
  excuse(why: string): void {
    this.#world.trace(this.name, `is excused: ${why}`);
    this.#excuse = why;
  }

  /** How often a node has been started, as far as this one's disk remembers it; 0 if not at all. */
  rememberedStarts(name: string): number {
    const bytes = this.machine.disk.contentOf(`${nodeDirectory}/node.json`);
    if (bytes === undefined) return 0;
    try {
      const { bootCounter, peers } = JSON.parse(Buffer.from(bytes).toString());
      return Number((name === this.name ? bootCounter : peers[name]?.bootCounter) ?? 0);
    } catch (error) {
      // It may be damaged: then it remembers nothing.
      if (error instanceof SyntaxError || error instanceof TypeError) return 0;
      throw error;
    }
  }

  get redisAddress(): SocketAddress {
    return { host: this.name, port: redisPort };
  }

  /** Starts the process, unless it runs, or is not to. */
  start(): void {
    const isToRun = (this.#isPresent || this.#isOutcast) && !this.#isHalted;
    if (this.machine.process !== undefined || !isToRun) return;
    this.#startCount++;
    this.machine.start((platform) => {
      this.#run(platform).catch((error: unknown) => {
        const { process } = this.machine;
        if (process === undefined || process.id !== platform.process.id) return;
        // A disk that fails while a node starts is told to whoever starts it, who tries again later.
        if (error instanceof Error && isDiskError(error)) this.#startFailed(error);
        else if (error instanceof JoinRefusedError) this.#joinRefused(error);
        else if (error instanceof CoterieError && this.isExcused) this.#startRefused(error);
        else process.crash(error);
      });
    });
  }

  #setPresent(isPresent: boolean): void {
    this.#isPresent = isPresent;
    this.#options.onPresence?.();
  }

  #startFailed(error: Error): void {
    this.#world.trace(this.name, `did not start: ${error.message}`);
    this.machine.kill();
    this.#world.schedule(startRetryMs, () => this.start());
  }

  /** A word that was damaged on its way, and so not understood, is no decision. */
  #joinRefused(error: JoinRefusedError): void {
    const { reason } = error;
    const isRemoved = reason === "NODE_STATE" && this.#mayBeRemoved;
    if (!decisions.has(reason)) this.#startFailed(error);
    else if (isRemoved) this.#joinedNoMore(error);
    else if (this.isExcused) this.#startRefused(error);
    else this.machine.process?.crash(error);
  }

  /** It was removed before it was there. Who starts it again has it join anew, under another number. */
  #joinedNoMore({ message }: JoinRefusedError): void {
    this.#world.trace(this.name, `has been removed: ${message}`);
    this.#setPresent(false);
    this.machine.kill();
  }

  /** It says that it must not go on with what is on its disk; nobody starts it again. */
  #startRefused(error: CoterieError): void {
    this.#world.trace(this.name, `refuses to start: ${error.code}, ${error.message}`);
    this.#isGone = true;
    this.machine.kill();
  }

  /** An exit with `code` is no violation from now on, and the process is started again `restartMs` later. */
  expectExit(code: number, restartMs: number): void {
    this.#expectedExits.set(code, restartMs);
  }

  async #run(platform: Platform): Promise<void> {
    const logger = this.#logger();
    const node = await Node.start({
      platform,
      logger,
      directory: nodeDirectory,
      name: this.name,
      secret,
      ...this.#place(platform),
      settings: this.#settings(),
    });
    await RedisServer.listen({ platform, logger, node, host: this.name, port: redisPort });
    this.#node = node;
  }

  #settings(): Partial<NodeSettings> {
    const settings = { gossip: undefined, ...this.#options.settings };
    return this.version === undefined ? settings : settingsAs(this.version, settings);
  }

  /** What tells it of the cluster: the others from the beginning, or where to ask. */
  #place(platform: Platform): Partial<NodeOptions> {
    const { joins: servers, names, replicas, shards } = this.#options;
    const { name } = this;
    if (servers === undefined) {
      return { peers: names.map((host): NodeAddress => ({ name: host, host, port: peerPort })), shards, replicas };
    }
    const peerAddress = { host: name, port: peerPort };
    return { join: askOverNetwork({ platform, name, secret, peerAddress, servers }), address: peerAddress };
  }

  #processEnded(end: ProcessEnd): void {
    this.#node = undefined;
    if (end.kind === "killed") return;
    if (end.kind === "exited") {
      const restartMs = this.#expectedExits.get(end.code);
      if (end.code === nodeExitCode.refused && this.mayEndAs(end.reason)) {
        this.#world.trace(this.name, "has been removed");
        this.#refusalCount++;
        this.#isOutcast = false;
        this.#setPresent(false);
        return;
      }
      if (this.isExcused && (end.code === nodeExitCode.refused || end.code === nodeExitCode.diskFailed)) {
        this.#world.trace(this.name, "is not started again");
        this.#isGone = true;
      } else if (restartMs === undefined) {
        this.#options.onViolation(`${this.name} ended with exit code ${end.code}: ${end.reason}`);
      } else {
        this.#world.schedule(restartMs, () => this.start());
      }
      return;
    }
    const { error } = end;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.onViolation(`${this.name} ended by an error that nobody caught: ${text}`);
  }

  #logger(): Logger {
    const world = this.#world;
    const { name } = this;
    return {
      log(level: LogLevel, event: string, fields: Readonly<Record<string, LogValue>> = {}) {
        if (!world.isTraced) return;
        const details = Object.entries(fields).map(([field, value]) => `${field}=${String(value)}`);
        world.trace(name, [level === "info" ? "" : `${level}: `, event, " ", details.join(" ")].join("").trim());
      },
    };
  }
}

/** Of a cluster that takes no node of this name, or from this directory. */
const decisions: ReadonlySet<string> = new Set(["NODE_NAME_TAKEN", "NODE_STATE", "TOO_MANY_NODES"]);

/** Itself, or what it came of. */
function isDiskError(error: Error): boolean {
  return error instanceof DiskError || (error.cause instanceof Error && isDiskError(error.cause));
}
