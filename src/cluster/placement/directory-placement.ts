/** Where the directory wants the groups' replicas, as their leaders act on it, and what it was told of where they are. */
import { type DirectoryShard, type DirectoryState, voterNodesOf } from "../../directory/index.ts";
import type { Configuration } from "../../raft/index.ts";
import type { GroupWish } from "../groups/group-change.ts";
import type { GroupPlacement, MembersReport } from "../groups/group-placement.ts";
import { voterNodes } from "../replica/replica-id.ts";
import { directoryGroup, shardOfGroup } from "../replica/shard-group.ts";
import { isSaid } from "./shard-reports.ts";

export interface DirectoryPlacementOptions {
  readonly state: () => DirectoryState;
  /** Of this node's replica of the group; undefined while it has none. */
  readonly configurationOf: (group: number) => Configuration | undefined;
  /** Who is to have the directory itself; undefined: who has it. */
  readonly directoryWish: () => GroupWish | undefined;
}

/** A wish, and what it was made of. */
interface KnownWish {
  readonly shard: DirectoryShard;
  readonly configuration: Configuration;
  readonly wish: GroupWish | undefined;
}

export class DirectoryPlacement implements GroupPlacement {
  constructor(options: DirectoryPlacementOptions) {
    this.#options = options;
  }

  wishOf(group: number): GroupWish | undefined {
    const { state, configurationOf, directoryWish } = this.#options;
    if (group === directoryGroup) return directoryWish();
    const shard = state().shards[shardOfGroup(group)];
    const configuration = configurationOf(group);
    if (shard === undefined || configuration === undefined) return undefined;
    const known = this.#wishes.get(group);
    if (known?.shard === shard && known.configuration === configuration) return known.wish;
    const isSame = known?.wish !== undefined && known.wish.voters.join() === shard.wish.join();
    const wish = isSame ? known.wish : { voters: shard.wish, learners: [] };
    const next = { shard, configuration, wish: isOnTheWay(shard, configuration) ? wish : undefined };
    this.#wishes.set(group, next);
    return next.wish;
  }

  /**
   * Its report names all members, and so no node among them counts as drained until a later report says otherwise, whatever becomes of the wish.
   * Who leads the directory sees its own members.
   */
  isKnown(group: number, configuration: Configuration): boolean {
    const report = this.#options.state().shards[shardOfGroup(group)]?.report;
    return group === directoryGroup || (report !== undefined && isSaid(report, configuration));
  }

  /** The directory says nothing of itself. */
  reportOf(group: number): MembersReport | undefined {
    return group === directoryGroup ? undefined : this.#options.state().shards[shardOfGroup(group)]?.report;
  }

  readonly #options: DirectoryPlacementOptions;
  readonly #wishes: Map<number, KnownWish> = new Map();
}

/**
 * Whether the voters stand between where the move began and where it leads. Otherwise this node's copy is of another time
 * than the shard, or the directory has yet to be told where that is: its wish is none for these members.
 */
function isOnTheWay({ report, wish }: DirectoryShard, configuration: Configuration): boolean {
  const before = voterNodesOf(report);
  const isPlace = (node: number): boolean => before.includes(node) || wish.includes(node);
  const present = voterNodes(configuration);
  const stays = before.filter((node) => wish.includes(node));
  return present.every(isPlace) && stays.every((node) => present.includes(node));
}
