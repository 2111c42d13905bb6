/** Replicas that move all the time, while nodes crash, stand still and are cut off, and clients write. */
import { expect, test } from "vitest";
import { runChaos } from "../../test/cluster/chaos.ts";

test.for([1, 2])(
  "while replicas move every connection sees its own writes in order, seed %i [R-9, B-2, M-10]",
  { timeout: 120_000 },
  async (seed) => {
    const result = await runChaos(seed, 4, {}, { shards: 4, size: 5, replicas: 3, drains: true });
    expect(result.complaints).toEqual([]);
    expect(result.okCount).toBeGreaterThan(100);
  },
);
