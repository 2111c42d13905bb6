import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { markNames } from "../../src/platform/index.ts";

const src = join(import.meta.dirname, "../../src");

function sources(): readonly string[] {
  return readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts") && !path.startsWith("simulation"))
    .map((path) => readFileSync(join(src, path), "utf8"));
}

test("every mark stands in the code, and is listed once [X-8]", () => {
  const text = sources().join("\n");
  // A mark is passed by its name, or chosen between two.
  const missing = markNames.filter((name) => text.split(`"${name}"`).length < 3);
  expect(missing).toEqual([]);
  expect(new Set(markNames).size).toBe(markNames.length);
});
