/**
 * Redis' patterns: `*` any bytes, `?` one byte, `[a-z]` one of a set, `[^a]` none of it, `\x` the byte x itself. A set
 * that is not closed reaches to the end of the pattern.
 */
export function globMatches(pattern: string, text: string, ignoresCase = false): boolean {
  return ignoresCase ? matches(pattern.toLowerCase(), text.toLowerCase()) : matches(pattern, text);
}

/** A mismatch goes back to the last star only, which is enough: an earlier one cannot do better. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let place = 0;
  let starAt = -1;
  let starPlace = 0;
  while (place < text.length) {
    if (pattern[at] === "*") {
      starAt = at++;
      starPlace = place;
      continue;
    }
    const next = at < pattern.length ? matchOne(pattern, at, text.charCodeAt(place)) : -1;
    if (next >= 0) {
      at = next;
      place++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      place = ++starPlace;
    } else {
      return false;
    }
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** Where the pattern goes on if its part at `at` matches the byte, else -1. */
function matchOne(pattern: string, at: number, byte: number): number {
  const first = pattern[at];
  if (first === "?") return at + 1;
  if (first === "[") return matchSet(pattern, at + 1, byte);
  if (first === "\\" && at + 1 < pattern.length) return pattern.charCodeAt(at + 1) === byte ? at + 2 : -1;
  return pattern.charCodeAt(at) === byte ? at + 1 : -1;
}

function matchSet(pattern: string, start: number, byte: number): number {
  const isNegated = pattern[start] === "^";
  let at = isNegated ? start + 1 : start;
  let isFound = false;
  for (; at < pattern.length && pattern[at] !== "]"; at++) {
    if (pattern[at] === "\\" && at + 1 < pattern.length) {
      at++;
      if (pattern.charCodeAt(at) === byte) isFound = true;
    } else if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      const from = pattern.charCodeAt(at);
      const to = pattern.charCodeAt(at + 2);
      if (byte >= Math.min(from, to) && byte <= Math.max(from, to)) isFound = true;
      at += 2;
    } else if (pattern.charCodeAt(at) === byte) {
      isFound = true;
    }
  }
  if (isFound === isNegated) return -1;
  return Math.min(at + 1, pattern.length);
}
