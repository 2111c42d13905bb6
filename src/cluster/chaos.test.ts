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

/** Snapshots are made all the time, and whoever is away for a moment needs one. */
const snapshotSettings = {
  snapshotLogBytesMin: 32_768,
  snapshotTailBytes: 0,
  snapshotLagBytesMax: 8_192,
  snapshotRetryMs: 500,
};

test.for(seeds.slice(0, 1))(
  "the same while snapshots are made, sent and installed, seed %i [N-3, N-4, O-7, I-16]",
  async (seed) => {
    const { complaints, okCount, madeCount, installedCount } = await runChaos(seed, 4, snapshotSettings);
    if (process.env.CHAOS_SEEDS) console.log({ seed, okCount, madeCount, installedCount });
    expect(complaints).toEqual([]);
    expect(okCount).toBeGreaterThan(1_000);
    expect(madeCount).toBeGreaterThan(5);
  },
);
