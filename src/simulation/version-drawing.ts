import type { TimedFault } from "./fault.ts";
import { SeededRandom } from "./seeded-random.ts";
import type { SimulatedVersion } from "./simulated-version.ts";

/** Nodes of two versions in one cluster, upgraded one after the other and back, as it happens. */
export interface DrawnVersions {
  /** With which they begin, in the order of the nodes. */
  readonly begin: readonly SimulatedVersion[];
  readonly faults: readonly TimedFault[];
  /** After the faults all come to run the newer version, and the upgrade is finished. Otherwise it is left as it is. */
  readonly isFinished: boolean;
}

/** Added to a seed: what is drawn of versions shifts nothing else. */
const versionSeeds = 2 ** 47;
/** Of the runs without nodes that come and go. */
const versionsChance = 0.15;
const restartsMin = 4;
const restartsMax = 20;

/** Undefined: all nodes are of one version. */
export function drawVersions(
  seed: number,
  of: { readonly nodes: readonly string[]; readonly durationMs: number; readonly electionMs: number },
): DrawnVersions | undefined {
  const { durationMs, electionMs, nodes } = of;
  const random = new SeededRandom(seed + versionSeeds);
  if (!random.chance(versionsChance)) return undefined;
  const newerShare = random.pick([0, 0, 0.5]);
  const begin = nodes.map((): SimulatedVersion => (random.chance(newerShare) ? "newer" : "older"));
  const backShare = random.pick([0, 0.2, 0.5]);
  const restarts = Array.from({ length: random.integer(restartsMin, restartsMax) }, (): TimedFault => {
    const version = random.chance(backShare) ? "older" : "newer";
    const downMs = 1 + random.exponential(electionMs / 4);
    const how = random.pick(["kill", "cutPower"] as const);
    const fault = { kind: "restartAs", node: random.pick(nodes), version, how, downMs } as const;
    return { atMs: random.float() * durationMs, fault };
  });
  // Too early at times: it is refused while an older node is there.
  const finishes = Array.from({ length: random.pick([0, 1, 2]) }, (): TimedFault => {
    return { atMs: random.between(0.1, 1) * durationMs, fault: { kind: "finishUpgrade" } };
  });
  return { begin, faults: [...restarts, ...finishes], isFinished: random.chance(0.7) };
}
