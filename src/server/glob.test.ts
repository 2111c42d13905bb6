import { expect, test } from "vitest";
import { globMatches } from "./glob.ts";

test.for([
  ["*", "anything", true],
  ["*", "", true],
  ["max*", "maxmemory", true],
  ["*mem*ory", "maxmemory", true],
  ["*a*b*c*", "xxaxxbxxc", true],
  ["*a*b*c", "xxaxxbxx", false],
  ["h?llo", "hello", true],
  ["h?llo", "hllo", false],
  ["h[ae]llo", "hallo", true],
  ["h[^ae]llo", "hallo", false],
  ["h[a-e]llo", "hcllo", true],
  ["h[e-a]llo", "hcllo", true],
  ["h[\\]]llo", "h]llo", true],
  ["h\\*llo", "h*llo", true],
  ["h\\*llo", "hxllo", false],
  ["[ab", "b", true],
  ["", "", true],
  ["", "x", false],
] as const)("%s %s", ([pattern, text, isMatch]) => {
  expect(globMatches(pattern, text)).toBe(isMatch);
});

test("case can be ignored", () => {
  expect(globMatches("MAX[A-M]*", "maxmemory", true)).toBe(true);
  expect(globMatches("MAX*", "maxmemory")).toBe(false);
});

test("many stars cost no more than the lengths", () => {
  expect(globMatches(`${"*a".repeat(1_000)}b`, "a".repeat(10_000))).toBe(false);
});
