import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const document = readFileSync(join(root, "docs", "errors.md"), "utf8");

/** The codes of all error classes: what stands in `readonly code = "…"`. */
function codesInSources(): readonly string[] {
  const codes = new Set<string>();
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const text = readFileSync(join(root, "src", file), "utf8");
    for (const match of text.matchAll(/^ {2}(?:override )?readonly code(?:: string)? = "([A-Z_]+)";$/gm))
      codes.add(match[1] ?? "");
  }
  return [...codes].sort();
}

test("every error code has a section, and every section an error code, in alphabetical order", () => {
  const sections = [...document.matchAll(/^### `([A-Z_]+)`$/gm)].map((match) => match[1]);
  expect(sections).toEqual(codesInSources());
});

test("every refusal between nodes has a row", () => {
  const source = readFileSync(join(root, "src", "net", "peer-identity.ts"), "utf8");
  const codes = [...source.matchAll(/^ {2}\| "([A-Z_]+)";?$/gm)].map((match) => match[1]);
  const part = document.slice(document.indexOf("## Refusals"), document.indexOf("## Error classes"));
  const rows = [...part.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
  expect(rows.toSorted()).toEqual(codes.toSorted());
});

test("every exit code has a row", () => {
  const numbers = (file: string): number[] =>
    [...readFileSync(join(root, "src", file), "utf8").matchAll(/^ {2}readonly \w+: (\d+);$/gm)].map((match) =>
      Number(match[1]),
    );
  const part = document.slice(document.indexOf("## Exit codes"), document.indexOf("## Error replies"));
  const rows = [...part.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
  expect(rows).toEqual(expect.arrayContaining(numbers("cli/exit-code.ts")));
});
