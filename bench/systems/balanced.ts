import type { SlotSpan } from "../load/job.ts";
import { type Answer, ask } from "./ask.ts";
import { type CoterieSystem, startCoterie } from "./coterie.ts";
import type { Premises } from "./system.ts";
import { waitUntil } from "./wait-until.ts";

const balanceMsMax = 60_000;

/** Three nodes, each of which leads its part of the shards. */
export async function startBalanced(premises: Premises, shards: number): Promise<CoterieSystem> {
  const system = await startCoterie(premises, 3, shards);
  const isBalanced = async (): Promise<boolean> => {
    const counts = (await ledSlots(system)).map((slots) => slots.length);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return total === shards && Math.max(...counts) - Math.min(...counts) <= 1;
  };
  await waitUntil("the shards' leaders to spread", isBalanced, { timeoutMs: balanceMsMax });
  return system;
}

/** By node, the slots of the shards that it leads. */
export async function ledSlots({ nodes }: CoterieSystem): Promise<readonly (readonly SlotSpan[])[]> {
  const [first] = nodes;
  const answer = await ask(first!.clusterTarget.port, ["CLUSTER", "SLOTS"]);
  const led = new Map<number, SlotSpan[]>(nodes.map(({ clusterTarget }) => [clusterTarget.port, []]));
  for (const item of listOf(answer)) {
    const [from, to, leader] = listOf(item);
    led.get(Number(listOf(leader ?? null)[1]))?.push({ first: Number(from), last: Number(to) });
  }
  return [...led.values()];
}

function listOf(answer: Answer): readonly Answer[] {
  if (!Array.isArray(answer)) throw new Error(`CLUSTER SLOTS answered ${JSON.stringify(answer)}`);
  return answer;
}
