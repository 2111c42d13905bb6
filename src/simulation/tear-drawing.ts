import type { TimedFault } from "./fault.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Added to a seed: what is drawn of torn writes shifts nothing else. */
const tearSeeds = 2 ** 44;

/** Most find a batch within one sector, which is never torn. */
const tearsMin = 4;
const tearsMax = 14;

/**
 * Power cuts while a batch is being written, which one at any other time seldom meets: a write takes a small part of the time, and is
 * torn only if the disk has some of it by then. In half of the seeds, besides all other faults.
 */
export function drawTears(
  seed: number,
  of: { readonly nodes: readonly string[]; readonly durationMs: number; readonly electionMs: number },
): readonly TimedFault[] {
  const { durationMs, electionMs, nodes } = of;
  const random = new SeededRandom(seed + tearSeeds);
  if (random.chance(0.5)) return [];
  return Array.from({ length: random.integer(tearsMin, tearsMax) }, (): TimedFault => {
    const atMs = random.float() * durationMs;
    const downMs = 1 + random.exponential(electionMs / 4);
    const forMs = Math.min(5 * electionMs, durationMs - atMs);
    return { atMs, fault: { kind: "tearWrite", node: random.pick(nodes), part: random.float(), downMs, forMs } };
  });
}
