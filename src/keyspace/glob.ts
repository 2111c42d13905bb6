/**
 * Glob patterns exactly as Redis' `KEYS` and `SCAN` match them: "*", "?", "[a-c]", "[^a]", "\" before a byte that stands for
 * itself; a bracket that is never closed ends with the pattern; ranges compare bytes as signed (as on x86); and "*" alone
 * inside a pattern does not match at the end of the text unless nothing else follows.
 *
 * Only the last "*" that was met is ever tried again, one byte further on: what an earlier one could gain by taking more,
 * a later one gains as well. So the time is bounded by the product of the two lengths, whatever the pattern.
 */

const star = 0x2a;
const question = 0x3f;
const open = 0x5b;
const backslash = 0x5c;
const close = 0x5d;
const caret = 0x5e;
const minus = 0x2d;

export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let from = 0;
  /** The pattern after the last star, and the first byte of the text that the star has not tried to leave to it. */
  let retryPattern = -1;
  let retryText = 0;
  while (from < text.length) {
    if (at < pattern.length && pattern.charCodeAt(at) === star) {
      while (pattern.charCodeAt(at + 1) === star) at++;
      if (at + 1 === pattern.length) return true;
      retryPattern = ++at;
      retryText = from;
      continue;
    }
    const next = at < pattern.length ? matchOne(pattern, at, text.charCodeAt(from)) : -1;
    if (next !== -1) {
      at = next;
      from++;
    } else {
      if (retryPattern === -1) return false;
      at = retryPattern;
      from = ++retryText;
    }
  }
  // Redis looks at the stars that are left only after a byte of the text was matched.
  if (text.length > 0) while (at < pattern.length && pattern.charCodeAt(at) === star) at++;
  return at === pattern.length;
}

/** Where the pattern goes on after its element at `at`, which is no star, has matched `byte`; -1 if it does not match. */
function matchOne(pattern: string, at: number, byte: number): number {
  const first = pattern.charCodeAt(at);
  if (first === question) return at + 1;
  if (first === open) return matchSet(pattern, at + 1, byte);
  if (first === backslash && at + 1 < pattern.length) return pattern.charCodeAt(at + 1) === byte ? at + 2 : -1;
  return first === byte ? at + 1 : -1;
}

function matchSet(pattern: string, start: number, byte: number): number {
  let at = start;
  const isNegated = pattern.charCodeAt(at) === caret;
  if (isNegated) at++;
  let isMatch = false;
  for (; at < pattern.length; at++) {
    const first = pattern.charCodeAt(at);
    if (first === backslash && at + 1 < pattern.length) {
      if (pattern.charCodeAt(++at) === byte) isMatch = true;
    } else if (first === close) {
      break;
    } else if (pattern.charCodeAt(at + 1) === minus && at + 2 < pattern.length) {
      if (isBetween(byte, first, pattern.charCodeAt(at + 2))) isMatch = true;
      at += 2;
    } else if (first === byte) {
      isMatch = true;
    }
  }
  if (isMatch === isNegated) return -1;
  return Math.min(at + 1, pattern.length);
}

function isBetween(byte: number, a: number, b: number): boolean {
  const signed = (value: number): number => (value << 24) >> 24;
  const low = Math.min(signed(a), signed(b));
  const high = Math.max(signed(a), signed(b));
  return signed(byte) >= low && signed(byte) <= high;
}
