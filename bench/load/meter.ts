import { Histogram } from "./histogram.ts";

/** What all connections of one run count into. */
export class Meter {
  /** Commands answered since the last `clear`. */
  operationCount = 0;
  missCount = 0;
  errorCount = 0;
  firstError: string | undefined;
  /** Connections send nothing more once this is true. */
  isStopping = false;
  readonly histogram: Histogram = new Histogram();

  /** Forgets the warm-up, but not its errors. */
  clear(): void {
    this.operationCount = 0;
    this.missCount = 0;
    this.histogram.clear();
  }

  fail(text: string, count = 1): void {
    this.errorCount += count;
    this.firstError ??= text;
  }
}

/** One connection of the load: it keeps its requests under way until the meter says stop. */
export interface LoadConnection {
  /** Resolves when the connection can take requests; rejects when it cannot be made. */
  readonly opened: Promise<void>;
  start(): void;
  /** Resolves when nothing is under way any more: after a stop, at the end of the source, or when the connection broke. */
  readonly finished: Promise<void>;
  close(): void;
}

/** Where connections take the next request from; `undefined` at the end. */
export type RequestSource = () => Buffer | undefined;

/** Requests picked at random, for ever. The generator is xorshift32: fast, and good enough to spread over keys. */
export function randomSource(requests: readonly Buffer[], seed: number): RequestSource {
  let state = seed | 1;
  const count = requests.length;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return requests[(state >>> 0) % count];
  };
}

/** Each of `count` requests once, encoded when it is its turn. */
export function sequentialSource(count: number, encode: (index: number) => Buffer): RequestSource {
  let next = 0;
  return () => (next < count ? encode(next++) : undefined);
}
