/** The usual places of keys, as the fields of a {@link CommandSpec}. */
import type { KeyPositions, KeySpecification } from "./command.ts";

export interface KeyFields {
  readonly keys: KeyPositions | undefined;
  readonly keySpecifications: readonly KeySpecification[];
}

export const noKeys: KeyFields = { keys: undefined, keySpecifications: [] };

/** Word `index` is a key. */
export function oneKey(index: number, flags: readonly string[], notes?: string): KeyFields {
  return keyRange({ first: index, last: index, step: 1 }, flags, notes);
}

/** Words 1 and 2 are keys, with flags of their own. */
export function twoKeys(firstFlags: readonly string[], secondFlags: readonly string[]): KeyFields {
  return {
    keys: { first: 1, last: 2, step: 1 },
    keySpecifications: [...oneKey(1, firstFlags).keySpecifications, ...oneKey(2, secondFlags).keySpecifications],
  };
}

/** From word `index` on, every `step`-th word is a key. */
export function keysFrom(index: number, step: number, flags: readonly string[]): KeyFields {
  return keyRange({ first: index, last: -1, step }, flags);
}

/** Redis' first, last and step; its specifications count the last one from the first. */
export function keyRange(keys: KeyPositions, flags: readonly string[], notes?: string): KeyFields {
  return {
    keys,
    keySpecifications: [
      {
        flags,
        ...(notes === undefined ? {} : { notes }),
        begin: { kind: "index", index: keys.first },
        find: { kind: "range", last: keys.last < 0 ? keys.last : keys.last - keys.first, step: keys.step, limit: 0 },
      },
    ],
  };
}
