/** Keys that are hard to tell apart. */
import { keyHashOfText } from "../../src/keyspace/key-hash.ts";

/** All keys are in one slot. */
export interface CollidingKeys {
  /** Keys of which each two that follow each other have the same hash. */
  readonly pairs: readonly string[];
  /** 63 keys before the first pair in the logical order, the pair itself, and as many behind it. */
  readonly around: readonly string[];
}

/** Found by trying. */
export function findCollidingKeys(): CollidingKeys {
  const byHash = new Map<number, string>();
  const pairs: string[] = [];
  for (let number = 0; pairs.length < 4; number++) {
    const key = `{c}${number}`;
    const hash = keyHashOfText(key);
    const other = byHash.get(hash);
    if (other !== undefined) pairs.push(...[other, key].sort());
    byHash.set(hash, key);
  }
  const [first, second] = pairs as [string, string];
  const hash = keyHashOfText(first);
  const others = [...byHash.keys()].slice(0, 1_000);
  const keysOf = (hashes: readonly number[]): string[] => hashes.slice(0, 63).map((each) => byHash.get(each) as string);
  const before = keysOf(others.filter((each) => each < hash));
  const behind = keysOf(others.filter((each) => each > hash));
  return { pairs, around: [...before, first, second, ...behind] };
}
