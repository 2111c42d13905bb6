import { getHeapStatistics, setFlagsFromString } from "node:v8";

/**
 * How much a heap of at least so many MiB may grow, in per cent of what lived after the last full collection, before the
 * next one. V8 lets a heap grow up to fourfold, which spares time and costs a store of a million keys half as much
 * memory again (docs/performance.md). 0 is V8's own choice: where there is little, time counts for more than memory.
 */
const steps: readonly { readonly mebibytes: number; readonly percent: number }[] = [
  { mebibytes: 64, percent: 25 },
  { mebibytes: 32, percent: 80 },
  { mebibytes: 0, percent: 0 },
];
/**
 * While a node loads what it holds, or replicas move, nearly all that comes stays, or goes all at once: looking for what may go
 * a few times is enough. A full collection of a million keys costs half a second of CPU time, which clients would notice.
 */
const bulkyPercentMin = 100;
const lookPeriodMs = 250;

/** The percentage for a heap of that size; `isBulky` is asked where it matters. */
export function heapGrowthPercent(usedBytes: number, isBulky: () => boolean): number {
  const percent = steps.find(({ mebibytes }) => usedBytes >= mebibytes * 1024 * 1024)?.percent ?? 0;
  return percent > 0 && isBulky() ? Math.max(percent, bulkyPercentMin) : percent;
}

/**
 * Keeps this process's heap tight once it is large. For processes that are a node and nothing else.
 *
 * @param isBulky whether the node still loads what it holds, or replicas move: it may then take more, for a quicker start and quicker answers
 */
export function limitHeapGrowth(isBulky: () => boolean): void {
  let percent = 0;
  const look = (): void => {
    const wanted = heapGrowthPercent(getHeapStatistics().used_heap_size, isBulky);
    if (wanted === percent) return;
    percent = wanted;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  setInterval(look, lookPeriodMs).unref();
}
