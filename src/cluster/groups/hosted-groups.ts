/** The groups of which this node has a replica, and where commands for each group go, those of others included. */
import { assert } from "../../platform/index.ts";
import { directoryGroup, isShardGroup, shardOfGroup } from "../replica/shard-group.ts";
import type { HostedGroup } from "./hosted-group.ts";
import { type LedTerm, ShardPlace } from "./shard-place.ts";

export class HostedGroups {
  /** Of all shards, hosted or not. */
  readonly shardPlaces: readonly ShardPlace[];

  /** @param groups the numbers of all groups of the cluster */
  constructor(groups: Iterable<number>) {
    for (const group of groups) this.#places.set(group, new ShardPlace(group));
    this.shardPlaces = [...this.#places.values()].filter(({ group }) => isShardGroup(group));
  }

  [Symbol.iterator](): IterableIterator<HostedGroup> {
    return this.#hosted.values();
  }

  /** Of all groups, hosted or not: in the order of their numbers. */
  get places(): Iterable<ShardPlace> {
    return this.#places.values();
  }

  /** Those of shards, all but the directory, by number. */
  get shards(): readonly HostedGroup[] {
    this.#shards ??= [...this.#hosted.values()]
      .filter(({ group }) => isShardGroup(group))
      .sort((left, right) => left.group - right.group);
    return this.#shards;
  }

  /** The numbers of the shards that are hosted, sorted. */
  get shardNumbers(): readonly number[] {
    this.#shardNumbers ??= this.shards.map(({ group }) => shardOfGroup(group));
    return this.#shardNumbers;
  }

  /** How many shards are hosted. */
  get shardCount(): number {
    return this.#hosted.size - (this.#hosted.has(directoryGroup) ? 1 : 0);
  }

  /** Whether the cluster has this group. */
  has(group: number): boolean {
    return this.#places.has(group);
  }

  get(group: number): HostedGroup | undefined {
    return this.#hosted.get(group);
  }

  /** Of a group that is hosted. */
  of(group: number): HostedGroup {
    const hosted = this.#hosted.get(group);
    assert(hosted !== undefined, "a group that this node does not host");
    return hosted;
  }

  /** Of any group of the cluster. */
  placeOf(group: number): ShardPlace {
    const place = this.#places.get(group);
    assert(place !== undefined, "a group that the cluster does not have");
    return place;
  }

  add(hosted: HostedGroup): void {
    assert(!this.#hosted.has(hosted.group), "a group is hosted once");
    this.#hosted.set(hosted.group, hosted);
    this.placeOf(hosted.group).hosted = hosted;
    this.#changed();
  }

  remove(hosted: HostedGroup): void {
    assert(this.#hosted.get(hosted.group) === hosted, "what is hosted can be given up");
    this.#hosted.delete(hosted.group);
    this.placeOf(hosted.group).hosted = undefined;
    this.#changed();
  }

  /** What this node leads. */
  led(): readonly LedTerm[] {
    return [...this.#hosted.values()]
      .filter(({ replica }) => replica.isLeading)
      .map(({ group, replica }) => ({ group, term: replica.route.term }));
  }

  /** Another node says what it leads. True if commands may go another way now. */
  heard(nodeId: number, led: readonly LedTerm[]): boolean {
    let isNew = false;
    for (const { group, term } of led) isNew = this.#places.get(group)?.heard(nodeId, term) === true || isNew;
    return isNew;
  }

  /** What a node leads is not known any more. */
  forgetLeader(nodeId: number): void {
    for (const place of this.#places.values()) place.nodeLost(nodeId);
  }

  readonly #places: Map<number, ShardPlace> = new Map();
  /** In the order in which they began here. */
  readonly #hosted: Map<number, HostedGroup> = new Map();
  /** What follows from it; undefined: to be found anew. */
  #shards: readonly HostedGroup[] | undefined;
  #shardNumbers: readonly number[] | undefined;

  #changed(): void {
    this.#shards = undefined;
    this.#shardNumbers = undefined;
  }
}
