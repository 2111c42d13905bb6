import type { Link } from "./fault.ts";
import type { SimulatedWorld } from "./world.ts";

/** Both ways between each of these and each of those. */
export function linksBetween(left: readonly string[], right: readonly string[]): readonly Link[] {
  return left.flatMap((from) =>
    right.flatMap((to) => [
      { from, to },
      { from: to, to: from },
    ]),
  );
}

/** Nothing gets through these links until what it returns is called. */
export function cutLinks({ network }: SimulatedWorld, links: readonly Link[]): () => void {
  for (const link of links) network.cut(link);
  return () => {
    for (const link of links) network.heal(link);
  };
}
