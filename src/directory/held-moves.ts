import type { DirectoryFacts } from "./facts.ts";
import { nameOfNode } from "./node-lookup.ts";
import { planStep } from "./planner.ts";
import { progressOf } from "./progress.ts";

/** Why replicas that should move do not; each reason once, with the shards that it holds up. */
export interface HeldPicture {
  readonly reason: string;
  readonly shards: readonly number[];
}

/**
 * What the planner would wait for if it saw what the asked node sees. For how long nodes have been away only the directory's
 * leader knows, so nobody counts as lost here.
 */
export function pictureHeld({ state, heard }: Pick<DirectoryFacts, "state" | "heard">): readonly HeldPicture[] {
  const nodes = state.nodes.map(({ id }) => {
    return [id, { isHeard: heard.has(id), absentMs: 0, hasDirectory: true }] as const;
  });
  const { held } = planStep(state, { nodes: new Map(nodes), directoryVoters: [] });
  const shards = new Map<string, Set<number>>();
  const hold = (shard: number, reason: string): void => {
    const found = shards.get(reason) ?? new Set();
    shards.set(reason, found.add(shard));
  };
  for (const { shard, reason } of held) hold(shard, reason);
  // A move under way waits for whom it goes to.
  for (const { shard, to } of progressOf(state).underWay) {
    if (to !== undefined && !heard.has(to)) hold(shard, `${nameOfNode(state, to)} is away`);
  }
  return [...shards].map(([reason, list]) => ({ reason, shards: [...list].sort((a, b) => a - b) }));
}
