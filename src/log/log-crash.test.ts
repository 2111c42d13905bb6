import { expect, test } from "vitest";
import { CrashRun, type CrashRunCounts } from "../../test/log/crash-run.ts";

const seedCount = 25;
const rounds = 6;

test("after any crash every group stands as after a prefix that holds all it acknowledged [I-12, I-17, D-2, D-4, D-6, N-1, N-2, O-3, O-4]", async () => {
  const totals = new Map<string, number>();
  for (let seed = 1; seed <= seedCount; seed++) {
    let counts: CrashRunCounts;
    try {
      counts = await new CrashRun(seed).run(rounds);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  // All of it happened: else this shows nothing.
  for (const [name, count] of totals) expect([name, count > 2]).toEqual([name, true]);
});
