import { defineConfig } from "vitest/config";

/** The comparisons with peers that must be installed: no part of `npm test`. */
export default defineConfig({
  test: { include: ["test/compat/**/*.compat.ts"], testTimeout: 600_000, hookTimeout: 30_000, pool: "forks" },
});
