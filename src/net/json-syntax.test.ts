import fc from "fast-check";
import { expect, test } from "vitest";
import { findSyntaxProblem } from "./json-syntax.ts";

function problemOf(text: string, depthMax?: number): string {
  const found = findSyntaxProblem(Buffer.from(text), depthMax);
  return found === undefined ? "none" : `${found.offset}: ${found.problem}`;
}

test.for([
  ["1", "none"],
  [' \t\r\n{"a": [1, -2.5e+3, true, false, null, "\\u00e9\\"\\\\"], "": {}} ', "none"],
  ["", "0: expected a value"],
  ["   ", "3: expected a value"],
  ["[", '1: expected a value or "]"'],
  ["[1", '2: expected "," or the end of what is open'],
  ["[1,]", "3: expected a value"],
  ["[1}", '2: expected "," or the end of what is open'],
  ["{", `1: expected a property's name or "}"`],
  ["{a:1}", `1: expected a property's name or "}"`],
  ['{"a" 1}', '5: expected ":"'],
  ['{"a":1,}', "7: expected a property's name"],
  ["{]", `1: expected a property's name or "}"`],
  ["1 2", "2: expected nothing more"],
  ["01", "1: expected nothing more"],
  ["-", "0: expected a value"],
  ["1.", "1: expected nothing more"],
  ["tru", "0: expected a value"],
  ["'a'", "0: expected a value"],
  ["NaN", "0: expected a value"],
  ['"abc', "4: a text without its closing quote"],
  ['"é\n"', "3: a control character in a text, which must be escaped"],
  ['"\\x"', "1: an escape that is none"],
  ['"\\u12g4"', "1: an escape that is none"],
  ["\ufeff1", "0: expected a value"],
])("%j: %s", ([text, expected]) => {
  expect(problemOf(text as string)).toBe(expected);
});

test("depth is told from too much depth", () => {
  expect(problemOf("[[[1]]]", 3)).toBe("none");
  expect(problemOf('{"a":[[{"b":1}]]}', 3)).toBe("7: nested deeper than 3");
  expect(problemOf(`${"[".repeat(100_000)}`, 64)).toBe("64: nested deeper than 64");
});

/** JSON, and JSON in which something was changed, left out or put in. */
const nearlyJson = fc
  .tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom("", ",", "]", "}", '"', "\\", "0", "e", ".", "x", " ", "\n", "[", "{", ":", "-"),
  )
  .chain(([text, at, what]) =>
    fc.constantFrom(text, `${text.slice(0, at % (text.length + 1))}${what}${text.slice((at % (text.length + 1)) + 1)}`),
  );

test("it finds a problem exactly where JSON.parse does", () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      expect(findSyntaxProblem(Buffer.from(text)) === undefined).toBe(isJson);
    }),
    { numRuns: 2_000 },
  );
});
