/**
 * Leaves out of `items` whatever is not needed for `fails` to hold: halves first, then ever smaller groups, until no
 * single one can go or `attemptsMax` questions were asked (Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002). The order stays. `fails` must hold for `items`.
 */
export async function shrink<T>(
  items: readonly T[],
  fails: (candidate: readonly T[]) => Promise<boolean>,
  attemptsMax: number,
): Promise<readonly T[]> {
  let current = items;
  let attempts = 0;
  for (let size = Math.max(1, items.length >> 1); current.length > 0; ) {
    let hasShrunk = false;
    for (let from = 0; from < current.length; ) {
      if (attempts++ === attemptsMax) return current;
      const candidate = [...current.slice(0, from), ...current.slice(from + size)];
      if (await fails(candidate)) {
        current = candidate;
        hasShrunk = true;
      } else {
        from += size;
      }
    }
    if (size > 1) size = Math.max(1, size >> 1);
    else if (!hasShrunk) break;
  }
  return current;
}
