/**
 * One client's commands where there are several shards: a lane for each shard that it uses. Commands of one shard keep
 * their order; those of different shards run side by side, and only their replies wait for each other.
 */
import {
  type CommandSpec,
  isWrite,
  type Keyspace,
  positionOfSlot,
  scanPosition,
  slotOfPosition,
} from "../../keyspace/index.ts";
import { type Random, randomInteger } from "../../platform/index.ts";
import { type Arguments, ErrorReply, ok, type Reply, type RespVersion } from "../../resp/index.ts";
import { slotCount } from "../../ring/index.ts";
import type { CommandRouter, Scatter } from "./command-router.ts";
import { Gathering, merger, type Part, splitByShard } from "./gathering.ts";
import type { LaneOwner, LocalLane } from "./local-lane.ts";

export interface ShardedLanesOptions {
  readonly router: CommandRouter;
  readonly random: Random;
  /** The way of a client to a shard, whose replies go to `owner`. */
  readonly openLane: (shard: number, owner: LaneOwner) => LocalLane;
  /** Whether commands about all keys concern this shard now. */
  readonly isConcerned: (shard: number) => boolean;
  /** The client. */
  readonly owner: LaneOwner;
}

/** A part of a command. Parts have tickets below zero, the client's are from zero on. */
interface OpenPart {
  readonly gathering: Gathering;
  readonly part: number;
}

export class ShardedLanes {
  constructor(options: ShardedLanesOptions) {
    this.#options = options;
    const { owner } = options;
    const noteBehind = (isBehind: boolean): boolean => {
      this.#wasBehind ||= isBehind;
      return isBehind;
    };
    this.#laneOwner = {
      get isBehind() {
        return noteBehind(owner.isBehind);
      },
      reply: (ticket, reply) => {
        if (ticket >= 0) owner.reply(ticket, reply);
        else this.#receivePart(ticket, reply);
      },
      fail: (reason) => owner.fail(reason),
    };
  }

  get isPaused(): boolean {
    for (const lane of this.#paused) if (!lane.isPaused) this.#paused.delete(lane);
    return this.#paused.size > 0;
  }

  submit(ticket: number, spec: CommandSpec<Keyspace>, args: Arguments, protocol: RespVersion): void {
    const route = this.#options.router.route(spec, args);
    if (typeof route === "number") this.#send(route, ticket, spec, args, protocol);
    else if (route instanceof ErrorReply) this.#options.owner.reply(ticket, route);
    else this.#scatter(route, { ticket, spec, args, protocol });
  }

  /** `WAIT`: the least that any shard which the client has used answers. */
  wait(ticket: number, replicaCount: number, timeoutMs: number): void {
    const lanes = this.#lanes.size > 0 ? [...this.#lanes.values()] : [this.#lane(0)];
    const merge: Merge = (replies) =>
      replies.find((reply) => reply instanceof ErrorReply) ?? Math.min(...replies.map(Number));
    const done = (reply: Reply): void => this.#options.owner.reply(ticket, reply);
    const tickets = this.#openParts(new Gathering({ partCount: lanes.length, merge, done }), lanes.length);
    for (const [at, lane] of lanes.entries()) lane.wait(tickets[at] as number, replicaCount, timeoutMs);
  }

  taken(): void {
    if (!this.#wasBehind) return;
    this.#wasBehind = false;
    for (const lane of this.#lanes.values()) lane.taken();
  }

  close(): void {
    this.#parts.clear();
    for (const lane of this.#lanes.values()) lane.close();
  }

  abandon(reply: Reply): void {
    for (const lane of this.#lanes.values()) lane.abandon(reply);
  }

  readonly #options: ShardedLanesOptions;
  readonly #laneOwner: LaneOwner;
  readonly #lanes: Map<number, LocalLane> = new Map();
  readonly #paused: Set<LocalLane> = new Set();
  readonly #parts: Map<number, OpenPart> = new Map();
  #lastPart = 0;
  /** A lane has been told that the client does not take its replies, and must be told when it has. */
  #wasBehind = false;

  #lane(shard: number): LocalLane {
    const known = this.#lanes.get(shard);
    if (known !== undefined) return known;
    const lane = this.#options.openLane(shard, this.#laneOwner);
    this.#lanes.set(shard, lane);
    return lane;
  }

  #send(shard: number, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments, protocol: RespVersion): void {
    const lane = this.#lane(shard);
    lane.submit(ticket, spec, args, protocol);
    if (lane.isPaused) this.#paused.add(lane);
  }

  #scatter(how: Scatter, command: ScatteredCommand): void {
    const { spec, args } = command;
    const { router } = this.#options;
    switch (how) {
      case "split": {
        const { parts, words } = splitByShard(router, args);
        this.#sendParts(command, parts, merger(spec, words));
        return;
      }
      case "all": {
        const parts = this.#everywhere(args);
        if (parts.length === 0) this.#options.owner.reply(command.ticket, replyOfNone(spec));
        else this.#sendParts(command, parts, merger(spec, undefined));
        return;
      }
      case "scan":
        this.#scan(command);
        return;
      case "anyKey":
        this.#askForAnyKey(command);
    }
  }

  #everywhere(args: Arguments): readonly Part[] {
    return this.#concerned().map((shard) => ({ shard, args }));
  }

  #concerned(): readonly number[] {
    const { router, isConcerned } = this.#options;
    return Array.from({ length: router.ranges.shardCount }, (_, shard) => shard).filter(isConcerned);
  }

  #sendParts(command: ScatteredCommand, parts: readonly Part[], merge: Merge): void {
    const { ticket, spec, protocol } = command;
    const done = (reply: Reply): void => this.#options.owner.reply(ticket, reply);
    const tickets = this.#openParts(new Gathering({ partCount: parts.length, merge, done }), parts.length);
    for (const [at, { shard, args }] of parts.entries()) this.#send(shard, tickets[at] as number, spec, args, protocol);
  }

  /** Before any part is sent: it may be answered at once. */
  #openParts(gathering: Gathering, count: number): readonly number[] {
    return Array.from({ length: count }, (_, part) => {
      const ticket = -++this.#lastPart;
      this.#parts.set(ticket, { gathering, part });
      return ticket;
    });
  }

  #receivePart(ticket: number, reply: Reply): void {
    const open = this.#parts.get(ticket);
    this.#parts.delete(ticket);
    open?.gathering.add(open.part, reply);
  }

  /** A cursor says in which slot it goes on; behind the last key of a shard it is where the next one begins. */
  #scan(command: ScatteredCommand): void {
    const { router, owner, isConcerned } = this.#options;
    const { ranges } = router;
    const slot = slotOfPosition(scanPosition(command.args.text(1)) ?? 0);
    const shard = ranges.shardOf(Math.min(slot, slotCount - 1));
    const next = (): string => {
      const follower = this.#concerned().find((other) => other > shard);
      return follower === undefined ? "0" : String(positionOfSlot(ranges.rangeOf(follower).first));
    };
    if (!isConcerned(shard)) {
      owner.reply(command.ticket, [next(), []]);
      return;
    }
    const goOn: Merge = ([reply]) => {
      return Array.isArray(reply) && reply[0] === "0" ? [next(), reply[1] ?? []] : (reply ?? null);
    };
    this.#sendParts(command, [{ shard, args: command.args }], goOn);
  }

  /** Any shard's will do; where that one has none, or does not answer, those of all others are asked for. */
  #askForAnyKey(command: ScatteredCommand): void {
    const { random, owner } = this.#options;
    const { ticket, spec, protocol } = command;
    const args = command.args.copy();
    const parts = this.#everywhere(args);
    const first = parts[randomInteger(random, { min: 0, max: Math.max(parts.length - 1, 0) })];
    if (first === undefined) {
      owner.reply(ticket, null);
      return;
    }
    const others = parts.filter((part) => part !== first);
    const done = (reply: Reply): void => {
      if (isKey(reply) || others.length === 0) owner.reply(ticket, reply);
      else this.#sendParts({ ticket, spec, args, protocol }, others, (replies) => this.#anyKey([reply, ...replies]));
    };
    const [only] = this.#openParts(new Gathering({ partCount: 1, merge: ([reply]) => reply ?? null, done }), 1);
    this.#send(first.shard, only as number, spec, args, protocol);
  }

  /** One of the keys; without any, why that may be wrong: a shard that did not answer may have some. */
  #anyKey(replies: readonly Reply[]): Reply {
    const keys = replies.filter(isKey);
    if (keys.length === 0) return replies.find((reply) => reply instanceof ErrorReply) ?? null;
    return keys[randomInteger(this.#options.random, { min: 0, max: keys.length - 1 })] ?? null;
  }
}

/** Whether a shard that was asked for any key had one. */
function isKey(reply: Reply): boolean {
  return reply !== null && !(reply instanceof ErrorReply);
}

/** What a command about all keys answers that concerns no shard. */
function replyOfNone(spec: CommandSpec<Keyspace>): Reply {
  if (isWrite(spec)) return ok;
  return spec.name === "DBSIZE" ? 0 : [];
}

type Merge = (replies: readonly Reply[]) => Reply;

interface ScatteredCommand {
  readonly ticket: number;
  readonly spec: CommandSpec<Keyspace>;
  readonly args: Arguments;
  readonly protocol: RespVersion;
}
