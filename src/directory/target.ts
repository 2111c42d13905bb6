import { type Plan, plan } from "../ring/index.ts";
import type { DirectoryNode, DirectoryState } from "./directory-state.ts";

/** The plans made for a state, by the nodes that take part: looking again every second costs nothing. */
const plans: WeakMap<DirectoryState, Map<string, Plan<number>>> = new WeakMap();

/**
 * Where the replicas should be if only `nodes` took part, beginning with where they are wished at present. The same
 * object for the same state and nodes. Undefined: there is no node.
 */
export function targetOf(state: DirectoryState, nodes: readonly DirectoryNode[]): Plan<number> | undefined {
  if (nodes.length === 0) return undefined;
  const known = plans.get(state) ?? new Map<string, Plan<number>>();
  plans.set(state, known);
  const key = nodes.map(({ id }) => id).join();
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = plan(
    state.shards.map(({ wish }) => wish),
    nodes.map(({ id, weight, zone }) => ({ id, weight, zone })),
    { shards: state.shards.length, replicas: state.settings.replicas },
  );
  known.set(key, made);
  return made;
}
