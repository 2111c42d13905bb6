/** What `scripts/prepare.mjs` has built, as users meet it. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const dist = join(root, "dist");

test("every source map names a source that is there", () => {
  const maps = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js.map"));
  expect(maps.length).toBeGreaterThan(100);
  const sources = maps.flatMap((name) => {
    const map: { readonly sources: readonly string[] } = JSON.parse(readFileSync(join(dist, name), "utf8"));
    return map.sources.map((source) => resolve(dirname(join(dist, name)), source));
  });
  expect(sources).toHaveLength(maps.length);
  expect(sources.filter((source) => !source.startsWith(join(root, "src")) || !existsSync(source))).toEqual([]);
});

test("stack traces lead into src/ under --enable-source-maps", () => {
  const face = pathToFileURL(join(dist, "platform", "index.js")).href;
  const script = `import { assert } from ${JSON.stringify(face)}; assert(false, "on purpose");`;
  const { stderr } = spawnSync(process.execPath, ["--enable-source-maps", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect(stderr).toContain("on purpose");
  const line = new RegExp(`${join(root, "src", "platform", "assert.ts").replaceAll(".", "\\.")}:(\\d+)`).exec(stderr);
  const text = readFileSync(join(root, "src", "platform", "assert.ts"), "utf8").split("\n")[Number(line?.[1]) - 1];
  expect(text).toContain("throw");
});
