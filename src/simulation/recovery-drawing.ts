import { SeededRandom } from "./seeded-random.ts";

/** Most machines are lost for good, and an operator has the cluster go on with what is left. */
export interface DrawnRecovery {
  /** By name; more than half of the nodes. */
  readonly lost: readonly string[];
  /** Those that join once the others run again. */
  readonly joiners: readonly string[];
  /** From the end of the clients' work, which goes on all the same. */
  readonly afterMs: number;
  /** Of those that are left: who lacks what is done in the last moments, cut off from all others for so long. */
  readonly apart: readonly string[];
  readonly apartMs: number;
  /** So long clients go on asking who is left, in vain. */
  readonly vainMs: number;
  /** How those that are left are stopped. */
  readonly stop: "kill" | "cutPower";
  /** While the plan is carried out at these the power goes, so long after its beginning; then it is carried out again. */
  readonly cutsMs: Readonly<Record<string, number>>;
  /** Who carries it out again gives the plan once more; otherwise it is the one that was begun. */
  readonly isPlanGivenAgain: boolean;
  /** From the start of those that are left, of each joiner. */
  readonly joinsMs: readonly number[];
}

/** Added to a seed: what is drawn of recoveries shifts nothing else. */
const recoverySeeds = 2 ** 46;
/** Of those that can: with the seeds of damaged disks and of nodes that come and go left out, about one in thirty of all. */
const recoveryChance = 0.07;

/** Undefined: there is none. */
export function drawRecovery(
  seed: number,
  { electionMs, nodes }: { readonly nodes: readonly string[]; readonly electionMs: number },
): DrawnRecovery | undefined {
  const random = new SeededRandom(seed + recoverySeeds);
  if (!random.chance(recoveryChance)) return undefined;
  const lostMin = Math.floor(nodes.length / 2) + 1;
  const order = random.shuffle([...nodes]);
  const lostCount = random.integer(lostMin, nodes.length - 1);
  const lost = order.slice(0, lostCount);
  const left = order.slice(lostCount);
  const joinerCount = random.pick([0, 1, lostCount]);
  const joiners = Array.from({ length: joinerCount }, (_, index) => `n${nodes.length + index + 1}`);
  const cut = left.filter(() => random.chance(0.5));
  return {
    lost,
    joiners,
    afterMs: random.between(0, 10) * electionMs,
    apart: left.filter(() => random.chance(0.6)),
    apartMs: random.pick([0, 0.3, 3, 10]) * electionMs,
    vainMs: random.between(0, 10) * electionMs,
    stop: random.pick(["kill", "cutPower"]),
    cutsMs: Object.fromEntries(cut.map((name) => [name, 10 ** random.between(0, 2)])),
    isPlanGivenAgain: random.chance(0.5),
    joinsMs: joiners.map(() => random.between(0, 10) * electionMs),
  };
}
