import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The comparisons with peers that must be installed: no part of `npm test`. */
const config: ViteUserConfig = defineConfig({
  test: { include: ["test/compat/**/*.compat.ts"], testTimeout: 600_000, hookTimeout: 30_000, pool: "forks" },
});

export default config;
