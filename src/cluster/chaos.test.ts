import { expect, test } from "vitest";
import { runChaos } from "../../test/cluster/chaos.ts";

const firstSeed = Number(process.env.CHAOS_SEED ?? 1);
const seedCount = Number(process.env.CHAOS_SEEDS ?? 3);
const seeds = Array.from({ length: seedCount }, (_, at) => firstSeed + at);

test.for(seeds)(
  "under faults every connection sees its own writes in order, seed %i [R-9, R-10, S-5, S-7]",
  async (seed) => {
    const { complaints, okCount, readCount, uncertainCount, refusedCount } = await runChaos(seed, 4);
    if (process.env.CHAOS_SEEDS) console.log({ seed, okCount, readCount, uncertainCount, refusedCount });
    expect(complaints).toEqual([]);
    expect(okCount).toBeGreaterThan(1_000);
  },
);
