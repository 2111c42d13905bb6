import { expect, test } from "vitest";
import { type DirectoryState, genesis } from "../../directory/index.ts";
import { type Configuration, emptyConfiguration } from "../../raft/index.ts";
import type { GroupWish } from "../groups/group-change.ts";
import { replicaOf } from "../replica/replica-id.ts";
import { directoryGroup, groupOfShard } from "../replica/shard-group.ts";
import { DirectoryPlacement } from "./directory-placement.ts";
import { reportsOf } from "./shard-reports.ts";

const [first, ...others] = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 2, replicas: 3 }).shards;

/** Shard 0 was kept by `report`, and is to be kept by `wish`. */
function stateOf(report: readonly number[], wish: readonly number[]): DirectoryState {
  const state = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 2, replicas: 3 });
  if (first === undefined) throw new Error("no shard");
  const said = { configurationIndex: 10, voters: report, learners: [], highestReplica: 4 };
  return { ...state, shards: [{ ...first, report: said, wish }, ...others] };
}

function configurationOf(voters: readonly number[], more: Partial<Configuration> = {}): Configuration {
  return { ...emptyConfiguration, voters, ...more };
}

function wishFor(state: DirectoryState, configuration: Configuration | undefined): GroupWish | undefined {
  const placement = new DirectoryPlacement({
    state: () => state,
    configurationOf: () => configuration,
    directoryWish: () => undefined,
  });
  return placement.wishOf(groupOfShard(0));
}

const again = replicaOf(4, 1);

test.for<{ name: string; configuration: Configuration; isWished: boolean }>([
  { name: "where the move begins", configuration: configurationOf([1, 2, 3]), isWished: true },
  { name: "with a learner", configuration: configurationOf([1, 2, 3], { learners: [again] }), isWished: true },
  {
    name: "in the middle of it",
    configuration: configurationOf([2, 3, again], { votersOutgoing: [1, 2, 3] }),
    isWished: true,
  },
  { name: "at its end", configuration: configurationOf([2, 3, again]), isWished: true },
  { name: "somewhere else", configuration: configurationOf([1, 2, 5]), isWished: false },
  { name: "with fewer voters than stay", configuration: configurationOf([1, 2]), isWished: false },
])("a shard's leader acts on a wish $name: $isWished [B-1]", ({ configuration, isWished }) => {
  const wish = wishFor(stateOf([1, 2, 3], [2, 3, 4]), configuration);
  expect(wish).toEqual(isWished ? { voters: [2, 3, 4], learners: [] } : undefined);
});

test("a wish stays the same object while it says the same, and of the directory it is the planner's", () => {
  let state = stateOf([1, 2, 3], [2, 3, 4]);
  let configuration = configurationOf([1, 2, 3]);
  const directoryWish = { voters: [1], learners: [2] };
  const placement = new DirectoryPlacement({
    state: () => state,
    configurationOf: () => configuration,
    directoryWish: () => directoryWish,
  });
  const wish = placement.wishOf(groupOfShard(0));
  configuration = configurationOf([2, 3, again]);
  state = stateOf([2, 3, again], [2, 3, 4]);
  expect(placement.wishOf(groupOfShard(0))).toBe(wish);
  expect(placement.wishOf(directoryGroup)).toBe(directoryWish);
  expect(placement.reportOf(directoryGroup)).toBeUndefined();
  expect(placement.reportOf(groupOfShard(0))).toBe(state.shards[0]?.report);
  state = stateOf([2, 3, again], [1, 2, 3]);
  expect(placement.wishOf(groupOfShard(0))).toEqual({ voters: [1, 2, 3], learners: [] });
});

test("nothing is wished of a shard that is elsewhere", () => {
  expect(wishFor(stateOf([1, 2, 3], [2, 3, 4]), undefined)).toBeUndefined();
});

test("leaders report each configuration that is not joint and not known, with all its members [B-1]", () => {
  const state = stateOf([1, 2, 3], [2, 3, 4]);
  const reported = (configuration: Configuration, appliedIndex = 11): unknown =>
    reportsOf(state, [{ shard: 0, configuration, appliedIndex }]).map(
      (request) => "report" in request && request.report,
    );
  expect(reported(configurationOf([3, 2, 1], { highestReplica: 4 }))).toEqual([]);
  expect(reported(configurationOf([1, 2, 3], { learners: [again], highestReplica: again }))).toEqual([
    { configurationIndex: 11, voters: [1, 2, 3], learners: [again], highestReplica: again },
  ]);
  expect(reported(configurationOf([again, 3, 2], { highestReplica: again }))).toEqual([
    { configurationIndex: 11, voters: [2, 3, again], learners: [], highestReplica: again },
  ]);
  // A learner that was dropped took its number with it.
  const [shard, ...rest] = state.shards;
  if (shard === undefined) throw new Error("no shard");
  const report = { ...shard.report, learners: [again], highestReplica: again };
  const known = { ...state, shards: [{ ...shard, report }, ...rest] };
  const dropped = configurationOf([1, 2, 3], { highestReplica: again });
  expect(reportsOf(known, [{ shard: 0, configuration: dropped, appliedIndex: 11 }])).toHaveLength(1);
  // Also that a number was given which nobody has any more.
  expect(reported(configurationOf([1, 2, 3], { highestReplica: again }))).toHaveLength(1);
  expect(reported(configurationOf([2, 3, again], { votersOutgoing: [1, 2, 3] }))).toEqual([]);
  // It has not applied yet what another leader has told.
  expect(reported(configurationOf([1, 2, 4]), 10)).toEqual([]);
});
