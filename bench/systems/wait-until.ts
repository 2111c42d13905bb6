import { setTimeout as sleep } from "node:timers/promises";
import { type Child, lastWords } from "./children.ts";

/**
 * Asks again and again until `isTrue` says so; a rejection counts as no.
 * @throws with the last reason, and the child's last words, after `timeoutMs` or when the child has ended.
 */
export async function waitUntil(
  what: string,
  isTrue: () => Promise<boolean>,
  options: { readonly child?: Child; readonly timeoutMs?: number } = {},
): Promise<void> {
  const { child, timeoutMs = 20_000 } = options;
  const endMs = performance.now() + timeoutMs;
  let reason = "";
  while (performance.now() < endMs) {
    if (child !== undefined && child.process.exitCode !== null) {
      throw new Error(`${what}: the process ended with code ${child.process.exitCode}\n${lastWords(child)}`);
    }
    try {
      if (await isTrue()) return;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    await sleep(20);
  }
  const words = child === undefined ? "" : `\n${lastWords(child)}`;
  throw new Error(`${what}: not within ${timeoutMs} ms. ${reason}${words}`);
}
