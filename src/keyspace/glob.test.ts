import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesGlob } from "./glob.ts";

/** The definition, without any thought of time: a star takes each number of bytes in turn. */
function plainly(pattern: string, text: string): boolean {
  if (pattern === "" || text === "") return pattern === text;
  if (pattern.startsWith("*")) {
    const rest = pattern.replace(/^\*+/, "");
    if (rest === "") return true;
    for (let at = 0; at < text.length; at++) if (plainly(rest, text.slice(at))) return true;
    return false;
  }
  const length = elementLength(pattern);
  if (!elementMatches(pattern.slice(0, length), text.charCodeAt(0))) return false;
  const [rest, left] = [pattern.slice(length), text.slice(1)];
  return left === "" ? /^\**$/.test(rest) : plainly(rest, left);
}

function elementLength(pattern: string): number {
  if (pattern.startsWith("\\") && pattern.length > 1) return 2;
  if (!pattern.startsWith("[")) return 1;
  return pattern.indexOf("]") + 1;
}

function elementMatches(element: string, byte: number): boolean {
  if (element === "?") return true;
  if (element.length === 2 && element.startsWith("\\")) return element.charCodeAt(1) === byte;
  if (!element.startsWith("[")) return element.charCodeAt(0) === byte;
  const body = element.slice(1).replace(/^\^/, "").replace(/\]$/, "");
  return [...body].some((each) => each.charCodeAt(0) === byte) !== element.startsWith("[^");
}

test.for([
  ["*", "", false],
  ["", "", true],
  ["**", "x", true],
  ["a*", "a", true],
  ["a*b*c", "aXbYbZc", true],
  ["a*b*c", "aXbYbZ", false],
  ["h?llo", "hello", true],
  ["h?llo", "hllo", false],
  ["h[ae]llo", "hallo", true],
  ["h[^e]llo", "hello", false],
  ["h[a-c]llo", "hbllo", true],
  ["h[c-a]llo", "hbllo", true],
  ["h\\*llo", "h*llo", true],
  ["h\\*llo", "hello", false],
  ["\\", "\\", true],
  ["[\\]]", "]", true],
  ["[]", "a", false],
  ["[^]", "a", true],
  ["[^]b", "ab", true],
  ["[", "[", false],
  ["[^", "a", true],
  ["[a", "a", true],
  ["[a-", "-", true],
  ["[a-]", "]", true],
  ["[a-]", "b", false],
  ["[\x01-\xff]", "\x00", true],
  ["[\x01-\xff]", "\x02", false],
  ["[\x7f-\x80]", "a", true],
  ["*\xe9", "caf\xe9", true],
] as const)("pattern %j and text %j: %s", ([pattern, text, isMatch]) => {
  expect(matchesGlob(pattern, text)).toBe(isMatch);
});

test("any pattern of stars, marks and plain sets matches as its definition says", () => {
  const element = fc.constantFrom("*", "?", "a", "b", "[ab]", "[^a]", "[^ab]", "\\*", "\\a");
  const pattern = fc.array(element, { maxLength: 8 }).map((elements) => elements.join(""));
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "*"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (each, other) => matchesGlob(each, other) === plainly(each, other)),
    { numRuns: 5_000 },
  );
});

test("no pattern takes exponential time or deep recursion", () => {
  expect(matchesGlob("a*".repeat(50_000), "a".repeat(50_000))).toBe(true);
  expect(matchesGlob(`${"a*".repeat(20)}b`, "a".repeat(20_000))).toBe(false);
  expect(matchesGlob(`${"*a".repeat(30)}*b`, "a".repeat(5_000))).toBe(false);
});
