/** A node as the server sees it, in memory: one keyspace, whose answers can be held back. For tests. */
import {
  type JoinGrant,
  type JoinRequest,
  JoinVisit,
  type LoadingProgress,
  type NodeInfo,
  type ReplyTarget,
  type SkipPicture,
  SkipRefusedError,
  type SkipRequest,
  type Topology,
} from "../../src/cluster/index.ts";
import { type DirectoryRequest, type DirectoryState, decide, genesis } from "../../src/directory/index.ts";
import { type Clock, createNodePlatform, silentLogger } from "../../src/platform/index.ts";
import type { Arguments, Reply } from "../../src/resp/index.ts";
import { type CommandStream, RedisServer, type RedisServerOptions, type ServedNode } from "../../src/server/index.ts";
import { Replica } from "../keyspace/replica.ts";
import { ShiftedClock } from "./shifted-clock.ts";

export class ServedKeyspace implements ServedNode {
  readonly replica: Replica = new Replica();
  /** Answers that are held back, in the order of their commands; undefined: none are. */
  held: (() => void)[] | undefined;
  readonly #targets = new Set<ReplyTarget>();
  /** Streams say that they want no more. */
  isPaused = false;
  /** Why its replica has stopped. */
  stopped:
    | { readonly stoppedBecause: string; readonly brokenInvariant: "I-8" | undefined; readonly stoppedIndex?: number }
    | undefined;
  /** What an entry is that an operator wants to be left out. */
  onSkip: (request: SkipRequest) => Promise<SkipPicture> = () => Promise.reject(new SkipRefusedError("Nothing stops."));
  /** How far the shard is with its log. */
  loading: LoadingProgress | undefined;
  /** What reading back all that is stored has come to; null: it is in memory. */
  scrub: NodeInfo["scrub"] = null;
  syncMs: number | null = null;
  /** What `wait` finds. */
  replicaCount = 0;
  /** What proves that nodes belong together; undefined: the cluster has no secret. */
  secret: string | undefined = "the cluster's secret";
  directoryState: DirectoryState = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 2, replicas: 3 });
  /** Before the directory or a leader changes. */
  onChange: () => Promise<void> = () => Promise.resolve();
  /** Who was to lead what. */
  readonly transfers: { readonly shard: number; readonly to: number }[] = [];
  /** Takes who joins into the cluster. */
  admit: (request: JoinRequest) => Promise<JoinGrant> = () => Promise.reject(new Error("nobody leads"));
  readonly waits: { readonly target: ReplyTarget; readonly ticket: number; readonly wanted: number }[] = [];
  /** Where the shards are; undefined: there is one, here. */
  places: Topology | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  openStream(target: ReplyTarget): CommandStream {
    this.#targets.add(target);
    const isPaused = (): boolean => this.isPaused;
    return {
      get isPaused() {
        return isPaused();
      },
      submit: (ticket, _command, args) => this.#submit(target, ticket, args),
      wait: (ticket, wanted) => {
        if (this.replicaCount >= wanted) target.reply(ticket, this.replicaCount);
        else this.waits.push({ target, ticket, wanted });
      },
      taken: () => {},
      close: () => {
        this.#targets.delete(target);
      },
    };
  }

  topology(): Topology {
    if (this.places !== undefined) return this.places;
    const self = { nodeId: 1, name: "n1", isSelf: true, isUp: true, attributes: {} };
    const shard = { shard: 0, slots: { first: 0, last: 16_383 }, term: 1, leader: 1, replicas: [1] };
    return { clusterId: "0".repeat(32), nodes: [self], shards: [shard] };
  }

  leaderAttribute(): undefined {}

  async changeDirectory(request: DirectoryRequest): Promise<DirectoryState> {
    await this.onChange();
    const decision = decide(this.directoryState, request);
    if (decision.kind === "refused") throw decision.refusal;
    if (decision.kind === "change") this.directoryState = decision.state;
    return this.directoryState;
  }

  transferLeader(shard: number, to: number): Promise<void> {
    this.transfers.push({ shard, to });
    return this.onChange();
  }

  lookAtSkip(request: SkipRequest): Promise<SkipPicture> {
    return this.onSkip(request);
  }

  async finishUpgrade(): Promise<number> {
    await this.onChange();
    return this.replica.keyspace.semanticsLevel;
  }

  openJoin(remoteHost: string): JoinVisit {
    const { secret } = this;
    return new JoinVisit({
      secret: secret ?? "of the names",
      openNames: secret === undefined ? ["n1"] : undefined,
      remoteHost,
      random: createNodePlatform().random,
      logger: silentLogger,
      onStranger: () => {},
      admit: (request) => this.admit(request),
    });
  }

  info(): NodeInfo {
    const { keyspace } = this.replica;
    return {
      name: "n1",
      directory: undefined,
      shards: [
        {
          shard: 1,
          role: "leader",
          term: 1,
          leader: "n1",
          commitIndex: keyspace.appliedIndex,
          appliedIndex: keyspace.appliedIndex,
          loading: this.loading,
          stoppedBecause: this.stopped?.stoppedBecause,
          brokenInvariant: this.stopped?.brokenInvariant,
          stoppedIndex: this.stopped?.stoppedIndex,
          leftOutCount: this.directoryState.skips.length,
          replica: 1,
          rebuild: null,
          sessionCount: keyspace.sessions.count,
        },
      ],
      directoryGroup: {
        role: "leader",
        term: 1,
        leader: "n1",
        commitIndex: 1,
        appliedIndex: 1,
        stoppedBecause: undefined,
        brokenInvariant: undefined,
        stoppedIndex: undefined,
        leftOutCount: 0,
        replica: 1,
        rebuild: null,
        epoch: 0,
      },
      keyCount: keyspace.keyCount,
      deadlineCount: keyspace.deadlineCount,
      logicalBytes: keyspace.logicalBytes,
      logBytes: 0,
      isDiskSlow: this.syncMs !== null,
      syncMs: this.syncMs,
      scrub: this.scrub,
      statistics: keyspace.statistics,
    };
  }

  resetStatistics(): void {
    this.replica.keyspace.statistics.reset();
  }

  status(): Promise<unknown> {
    return Promise.resolve({ nodes: [{ name: "n1", role: "leader" }] });
  }

  /** Streams that are open. */
  get streamCount(): number {
    return this.#targets.size;
  }

  resumeStreams(): void {
    for (const target of [...this.#targets]) target.resumed?.();
  }

  failStreams(reason: string): void {
    for (const target of [...this.#targets]) target.fail(reason);
  }

  /** Lets the answers go that are held back, the first or, by `order`, any of them first. */
  release(order: (held: (() => void)[]) => (() => void)[] = (held) => held): void {
    const held = this.held ?? [];
    this.held = [];
    for (const answer of order(held)) answer();
  }

  #submit(target: ReplyTarget, ticket: number, args: Arguments): void {
    const words = args.texts();
    const run = (): Reply => this.replica.run(words, this.#clock.wallMs());
    if (this.held === undefined) target.reply(ticket, run());
    else this.held.push(() => target.reply(ticket, run()));
  }
}

export interface ServedTest {
  readonly server: RedisServer;
  readonly node: ServedKeyspace;
  readonly clock: ShiftedClock;
  readonly port: number;
}

/** A server on a free port of this machine. */
export async function serve(options: Partial<RedisServerOptions> = {}): Promise<ServedTest> {
  const { network, process, random, clock: realClock } = createNodePlatform();
  const clock = new ShiftedClock(realClock);
  const node = new ServedKeyspace(clock);
  const server = await RedisServer.listen({
    platform: { network, process, random, clock },
    logger: silentLogger,
    node,
    host: "127.0.0.1",
    port: 0,
    ...options,
  });
  return { server, node, clock, port: server.address.port };
}
