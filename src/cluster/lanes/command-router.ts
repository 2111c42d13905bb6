/** Which shard a command belongs to: that of its keys, or several, or whichever. */
import { type CommandSpec, type KeyPositions, type Keyspace, keysOf, sessionCommand } from "../../keyspace/index.ts";
import { type Arguments, ErrorReply } from "../../resp/index.ts";
import { hashSlot, type SlotRanges, slotCount } from "../../ring/index.ts";
import { sessionElsewhere, severalShards } from "../errors.ts";

/**
 * How a command that concerns several shards is carried out, each part atomic by itself: `split`, its keys go to their
 * shards; `all`, every shard gets it as it is; `scan`, one shard after the other; `anyKey`, whichever has a key.
 */
export type Scatter = "split" | "all" | "scan" | "anyKey";

interface KeyRange extends KeyPositions {
  readonly mayBeSplit: boolean;
}

type Plan =
  | ({ readonly kind: "range" } & KeyRange)
  | { readonly kind: "listed" }
  | { readonly kind: "session" }
  /** The word that is the number of a slot. */
  | { readonly kind: "slot"; readonly word: number }
  | { readonly kind: "keyless" }
  | { readonly kind: "scattered"; readonly how: Scatter };

/** What these do with one key has nothing to do with the others. */
const splittable: ReadonlySet<string> = new Set(["MGET", "DEL", "UNLINK", "EXISTS", "TOUCH"]);

/** A command that names no key, and concerns no other shard's. */
const keylessShard = 0;

export class CommandRouter {
  readonly ranges: SlotRanges;

  constructor(ranges: SlotRanges) {
    this.ranges = ranges;
  }

  /** The shard of all keys of a command whose words are as many as it needs; how it is scattered; or why it cannot be. */
  route(spec: CommandSpec<Keyspace>, args: Arguments): number | Scatter | ErrorReply {
    let plan = this.#plans.get(spec);
    if (plan === undefined) {
      plan = planOf(spec);
      this.#plans.set(spec, plan);
    }
    switch (plan.kind) {
      case "range":
        return this.#rangeRoute(spec, args, plan);
      case "listed":
        return this.#listedRoute(spec, args);
      case "session":
        return this.#sessionRoute(args);
      case "slot": {
        const slot = Number(args.text(plan.word));
        return Number.isInteger(slot) && slot >= 0 && slot < slotCount ? this.ranges.shardOf(slot) : keylessShard;
      }
      case "keyless":
        return keylessShard;
      case "scattered":
        return plan.how;
    }
  }

  /** The shard of the key that is word `word`. */
  shardOf(args: Arguments, word: number): number {
    return this.ranges.shardOf(hashSlot(args.bytes, args.starts[word], args.ends[word]));
  }

  readonly #plans: Map<CommandSpec<Keyspace>, Plan> = new Map();

  #rangeRoute(
    spec: CommandSpec<Keyspace>,
    args: Arguments,
    { first, last, step, mayBeSplit }: KeyRange,
  ): number | Scatter | ErrorReply {
    const shard = this.shardOf(args, first);
    const end = last < 0 ? args.count + last : last;
    for (let word = first + step; word <= end; word += step) {
      const other = this.shardOf(args, word);
      if (other === shard) continue;
      return mayBeSplit ? "split" : this.#severalShards(spec, args, first, word);
    }
    return shard;
  }

  /** Words that do not say where their keys are go to a shard that tells what is wrong with them. */
  #listedRoute(spec: CommandSpec<Keyspace>, args: Arguments): number | ErrorReply {
    const [first, ...others] = keysOf(spec, args.texts()) ?? [];
    if (first === undefined) return keylessShard;
    const shard = this.shardOf(args, first.word);
    const other = others.find(({ word }) => this.shardOf(args, word) !== shard);
    return other === undefined ? shard : this.#severalShards(spec, args, first.word, other.word);
  }

  /** A session's own shard, which must be that of the keys of the command within. */
  #sessionRoute(args: Arguments): number | ErrorReply {
    const slot = sessionCommand.slotOf(args);
    const shard = slot === undefined ? keylessShard : this.ranges.shardOf(slot);
    const inner = sessionCommand.innerOf(args);
    if (inner === undefined) return shard;
    const route = this.route(inner.spec, inner.args);
    if (route === shard || route instanceof ErrorReply) return route;
    return sessionElsewhere(inner.spec.name);
  }

  #severalShards(spec: CommandSpec<Keyspace>, args: Arguments, word: number, other: number): ErrorReply {
    return severalShards(spec.name, [
      { key: args.text(word), shard: this.shardOf(args, word) },
      { key: args.text(other), shard: this.shardOf(args, other) },
    ]);
  }
}

function planOf(spec: CommandSpec<Keyspace>): Plan {
  const { keys } = spec;
  if (spec === sessionCommand.spec) return { kind: "session" };
  if (spec.name === "SCAN") return { kind: "scattered", how: "scan" };
  if (spec.name === "RANDOMKEY") return { kind: "scattered", how: "anyKey" };
  if (spec.name === "COUNTKEYSINSLOT" || spec.name === "GETKEYSINSLOT") return { kind: "slot", word: 2 };
  if (spec.tips.includes("request_policy:all_shards")) return { kind: "scattered", how: "all" };
  if (spec.flags.includes("movablekeys")) return { kind: "listed" };
  if (keys !== undefined) return { kind: "range", ...keys, mayBeSplit: splittable.has(spec.name) };
  return spec.keySpecifications.length > 0 ? { kind: "listed" } : { kind: "keyless" };
}
