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
const lookPeriodMs = 250;

/** The percentage for a heap of that size. */
export function heapGrowthPercent(usedBytes: number): number {
  return steps.find(({ mebibytes }) => usedBytes >= mebibytes * 1024 * 1024)?.percent ?? 0;
}

/** Keeps this process's heap tight once it is large. For processes that are a node and nothing else. */
export function limitHeapGrowth(): void {
  let percent = 0;
  const look = (): void => {
    const wanted = heapGrowthPercent(getHeapStatistics().used_heap_size);
    if (wanted === percent) return;
    percent = wanted;
    setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  setInterval(look, lookPeriodMs).unref();
}
