import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClusterView } from "./cluster-view.ts";
import type { DirectoryNode, DirectoryState } from "./directory-state.ts";
import { directoryMembers, directoryVoters } from "./directory-voters.ts";
import { genesis } from "./genesis.ts";

function cluster(size: number, change: (node: DirectoryNode) => Partial<DirectoryNode> = () => ({})): DirectoryState {
  const state = genesis({ names: Array.from({ length: size }, (_, at) => `n${at}`), shardCount: 1 });
  return { ...state, nodes: state.nodes.map((node) => ({ ...node, ...change(node) })) };
}

function viewOf(state: DirectoryState, directoryVoters: readonly number[], away: readonly number[] = []): ClusterView {
  const nodes = state.nodes.map(({ id }) => {
    const isHeard = !away.includes(id);
    return [id, { isHeard, absentMs: isHeard ? 0 : 3_600_000, hasDirectory: true }] as const;
  });
  return { nodes: new Map(nodes), directoryVoters };
}

test.for([
  [1, [1]],
  [2, [1, 2]],
  [3, [1, 2, 3]],
  [4, [1, 2, 3]],
  [5, [1, 2, 3, 4, 5]],
  [9, [1, 2, 3, 4, 5]],
] as const)("of %d nodes that begin these vote on the directory: %j; the others learn it", ([size, voters]) => {
  const { voters: chosen, learners } = directoryMembers(cluster(size));
  expect(chosen).toEqual(voters);
  expect([...chosen, ...learners].sort((a, b) => a - b)).toEqual(cluster(size).nodes.map(({ id }) => id));
});

test("those that vote stay, whoever else there is", () => {
  const four = cluster(4);
  expect(directoryVoters(four, viewOf(four, [2, 3, 4]))).toEqual([2, 3, 4]);
  expect(directoryVoters(four, viewOf(four, [2, 3, 4], [3, 4]))).toEqual([1, 2, 3]);
  const nine = cluster(9);
  expect(directoryVoters(nine, viewOf(nine, [1, 3, 5, 7, 9]))).toEqual([1, 3, 5, 7, 9]);
});

test("a voter that drains, or is lost, gives way to one that is heard; without one it stays", () => {
  const draining = cluster(4, ({ id }) => (id === 1 ? { state: "draining" } : {}));
  expect(directoryMembers(draining, viewOf(draining, [1, 2, 3]))).toEqual({ voters: [2, 3, 4], learners: [1] });
  const six = cluster(6);
  expect(directoryVoters(six, viewOf(six, [1, 2, 3, 4, 5], [2]))).toEqual([1, 3, 4, 5, 6]);
  const five = cluster(5);
  expect(directoryVoters(five, viewOf(five, [1, 2, 3, 4, 5], [2]))).toEqual([1, 2, 3, 4, 5]);
});

test("removed nodes neither vote nor learn; joining ones learn", () => {
  const state = cluster(5, ({ id }) => (id === 1 ? { state: "removed" } : id === 5 ? { state: "joining" } : {}));
  expect(directoryMembers(state, viewOf(state, [1, 2, 3]))).toEqual({ voters: [2, 3, 4], learners: [5] });
});

test("they stand in as many zones as there are: one that shares its zone gives way", () => {
  const state = cluster(5, ({ id }) => ({ zone: id < 4 ? "a" : id === 4 ? "b" : "c", state: "active" }));
  const four: DirectoryState = { ...state, nodes: state.nodes.filter(({ id }) => id !== 3) };
  expect(directoryVoters(four)).toEqual([1, 4, 5]);
  expect(directoryVoters(four, viewOf(four, [1, 2, 4]))).toEqual([1, 4, 5]);
  expect(directoryVoters(four, viewOf(four, [1, 2, 4], [5]))).toEqual([1, 2, 4]);
});

test("whoever votes in the midst of a change: the choice is one replica's step from it at every step, and then rests", () => {
  const zones = fc.constantFrom("", "a", "b", "c");
  const states = fc.constantFrom("active", "active", "active", "draining", "joining", "removed" as const);
  const node = fc.record({ zone: zones, state: states, isAway: fc.boolean(), votes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 9 }), (given) => {
      const state = cluster(given.length, ({ id }) => ({
        zone: given[id - 1]?.zone ?? "",
        state: id === 1 ? "active" : (given[id - 1]?.state ?? "active"),
      }));
      const away = state.nodes.filter(({ id }) => id > 1 && given[id - 1]?.isAway === true).map(({ id }) => id);
      let voters = state.nodes.filter(({ id }) => given[id - 1]?.votes === true).map(({ id }) => id);
      const wished = directoryVoters(state, viewOf(state, voters, away));
      // One by one, as the group's leader does it: who comes first, then who goes; each time chosen anew.
      for (let step = 0; step < 20; step++) {
        const now = directoryVoters(state, viewOf(state, voters, away));
        expect(now).toEqual(wished);
        const come = now.find((id) => !voters.includes(id));
        const gone = voters.find((id) => !now.includes(id));
        if (come === undefined && gone === undefined) return;
        const both = come === undefined ? voters : [...voters, come];
        expect(directoryVoters(state, viewOf(state, both, away))).toEqual(wished);
        voters = both.filter((id) => id !== gone);
      }
      throw new Error("it does not rest");
    }),
    { numRuns: 200 },
  );
});
