import { createNodePlatform } from "../platform/index.ts";
import type { Runtime } from "./context.ts";

let runtime: Runtime | undefined;

/** The machine's own clock and randomness, made when first asked for. */
export function nodeRuntime(): Runtime {
  runtime ??= createNodePlatform();
  return runtime;
}
