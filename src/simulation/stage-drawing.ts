import type { StagedFault, TimedFault } from "./fault.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Added to a seed: what is drawn of staged faults shifts nothing else. */
const stageSeeds = 2 ** 48;

/**
 * In one seed of four power goes around elections, in one of four around writes, in one of four leaders stand still, in one of four they are read from while they are alone; in half of those in which
 * replicas move halves are parted.
 */
const electionChance = 0.25;
const writeChance = 0.25;
const pauseChance = 0.25;
const readChance = 0.25;
const halvesChance = 0.5;
/** How often one that is alone is read from in an election time. */
const readsInElection = 30;
/** Of about the time of a write: what was acknowledged without it is seen in between. */
const afterWriteMs = 2;

interface Place {
  readonly areShardsMoved: boolean;
  readonly durationMs: number;
  readonly electionMs: number;
}

/** What takes several things in one moment, a few times in a run, besides all other faults. */
export function drawStages(seed: number, place: Place): readonly TimedFault[] {
  const random = new SeededRandom(seed + stageSeeds);
  const counts = {
    elections: random.chance(electionChance) ? random.integer(1, 4) : 0,
    writes: random.chance(writeChance) ? random.integer(1, 4) : 0,
    pauses: random.chance(pauseChance) ? random.integer(2, 6) : 0,
    halves: place.areShardsMoved && random.chance(halvesChance) ? random.integer(1, 3) : 0,
    reads: random.chance(readChance) ? random.integer(1, 3) : 0,
  };
  const times = (count: number, draw: (atMs: number) => StagedFault): readonly TimedFault[] =>
    Array.from({ length: count }, () => {
      const atMs = random.float() * 0.9 * place.durationMs;
      return { atMs, fault: draw(atMs) };
    });
  return [
    ...times(counts.elections, (atMs) => drawPowerCut(random, "an election is won", { ...place, atMs })),
    ...times(counts.writes, (atMs) => drawPowerCut(random, "a batch is durable", { ...place, atMs })),
    ...times(counts.pauses, (atMs) => drawPause(random, { ...place, atMs })),
    ...times(counts.halves, (atMs) => drawParting(random, { ...place, atMs })),
    ...times(counts.reads, (atMs) => drawReading(random, { ...place, atMs })),
  ];
}

function drawPowerCut(
  random: SeededRandom,
  mark: "an election is won" | "a batch is durable",
  { atMs, durationMs, electionMs }: Place & { readonly atMs: number },
): StagedFault {
  const isElection = mark === "an election is won";
  const doSyncsFail = !isElection && random.chance(0.4);
  return {
    kind: "cutPowerAt",
    mark,
    who: isElection || random.chance(0.5) ? "others" : "itself",
    doSyncsFail,
    // Where syncs fail there is time to say more than is true.
    afterMs: isElection ? 0 : random.exponential(doSyncsFail ? electionMs / 10 : afterWriteMs),
    downMs: 1 + random.exponential(electionMs / 10),
    holdMs: random.between(3, 6) * electionMs,
    forMs: durationMs - atMs,
  };
}

function drawPause(
  random: SeededRandom,
  { atMs, durationMs, electionMs }: Place & { readonly atMs: number },
): StagedFault {
  const [pauseMs, aloneMs] = [random.between(2, 4) * electionMs, random.between(0.5, 1.5) * electionMs];
  return { kind: "pauseLeader", pauseMs, aloneMs, forMs: durationMs - atMs };
}

function drawReading(
  random: SeededRandom,
  { atMs, durationMs, electionMs }: Place & { readonly atMs: number },
): StagedFault {
  const holdMs = random.between(2, 4) * electionMs;
  return { kind: "readAlone", holdMs, thinkMs: electionMs / readsInElection, forMs: durationMs - atMs };
}

function drawParting(
  random: SeededRandom,
  { atMs, durationMs, electionMs }: Place & { readonly atMs: number },
): StagedFault {
  const restartAfterMs = random.exponential(electionMs);
  return { kind: "partHalves", restartAfterMs, holdMs: random.between(4, 8) * electionMs, forMs: durationMs - atMs };
}
