import { type Random, randomFloat } from "../platform/index.ts";

/** The wait before attempt `failures + 1`: doubles from `minMs` to `maxMs`, and half of it is drawn by lot. */
export function backOffMs(
  failures: number,
  random: Random,
  options: { readonly minMs: number; readonly maxMs: number },
): number {
  const fullMs = Math.min(options.maxMs, options.minMs * 2 ** Math.min(failures, 30));
  return fullMs * (0.5 + 0.5 * randomFloat(random));
}
