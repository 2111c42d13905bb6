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
  /** So long clients work with what was recovered, at least. */
  readonly workMs: number;
  /** Meanwhile, in the order of their times: those that carried on are stopped once more. */
  readonly upsets: readonly DrawnUpset[];
  /** Lost ones whose machines run again after that, with what is on their disks. */
  readonly returners: readonly DrawnReturner[];
  /** Of a disk that is left, before it is surveyed; undefined: all are well. */
  readonly damage?: DrawnDamage | undefined;
}

export interface DrawnDamage {
  readonly node: string;
  /** The end of what was written last is not there, which nobody can know; a bit is another one; a file is gone. */
  readonly kind: "tornTail" | "oldBit" | "newBit" | "lostFile";
}

/** A node that is stopped and started again, from the beginning of the clients' work on. */
export interface DrawnUpset {
  readonly atMs: number;
  readonly node: string;
  readonly how: "kill" | "cutPower";
  readonly downMs: number;
}

/** Added to a seed: what is drawn of recoveries shifts nothing else. */
const recoverySeeds = 2 ** 46;
/** Of those that can: with the seeds of damaged disks and of nodes that come and go left out, about one in thirty of all. */
const recoveryChance = 0.07;

/** Undefined: there is none. */
export function drawRecovery(
  seed: number,
  of: { readonly nodes: readonly string[]; readonly replicas: number; readonly electionMs: number },
): DrawnRecovery | undefined {
  const { electionMs, nodes } = of;
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
  const drawn: Omit<DrawnRecovery, keyof Afterwards> = {
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
  // Where two that are left are a majority, the end of one's log may be all that they have of what was acknowledged.
  const mayTear = of.replicas >= nodes.length;
  return { ...drawn, ...drawAfterwards(random, { left, lost, electionMs, mayTear }) };
}

export interface DrawnReturner {
  readonly node: string;
  /** How it was lost. */
  readonly how: "kill" | "cutPower";
  /** Between its start and that of the first. */
  readonly afterMs: number;
}

/** What comes once those that are left run again. */
type Afterwards = Pick<DrawnRecovery, "workMs" | "upsets" | "returners" | "damage">;

function drawAfterwards(
  random: SeededRandom,
  of: {
    readonly left: readonly string[];
    readonly lost: readonly string[];
    readonly electionMs: number;
    readonly mayTear: boolean;
  },
): Afterwards {
  const { electionMs, left, lost, mayTear } = of;
  const workMs = random.between(5, 30) * electionMs;
  const upsets = Array.from({ length: random.pick([0, 0, 1, 3]) }, (): DrawnUpset => {
    const how = random.pick(["kill", "cutPower"] as const);
    const downMs = 1 + random.exponential(electionMs);
    return { atMs: random.float() * workMs, node: random.pick(left), how, downMs };
  });
  upsets.sort((one, other) => one.atMs - other.atMs);
  const returning = random.chance(0.5) ? lost.slice(0, random.integer(1, lost.length)) : [];
  const returners = returning.map((node): DrawnReturner => {
    const afterMs = random.pick([0, random.float(), random.between(0, 10)]) * electionMs;
    return { node, how: random.pick(["kill", "cutPower"]), afterMs };
  });
  return { workMs, upsets, returners, damage: random.chance(0.4) ? drawDamage(random, left, mayTear) : undefined };
}

function drawDamage(random: SeededRandom, left: readonly string[], mayTear: boolean): DrawnDamage {
  const kind = random.pick(["tornTail", "oldBit", "newBit", "lostFile"] as const);
  return { node: random.pick(left), kind: kind === "tornTail" && !mayTear ? "newBit" : kind };
}
