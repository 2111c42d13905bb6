import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    setupFiles: ["test/property-seed.ts"],
    // Much more than any takes, also where other work shares the cores.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: "forks",
    // One for each core: whatever waits for a process or a disk leaves its core to another file.
    maxWorkers: Math.max(2, availableParallelism()),
    sequence: { shuffle: true },
  },
});
