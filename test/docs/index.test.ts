import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const docs = join(import.meta.dirname, "..", "..", "docs");

test("docs/README.md lists every document, each in one place", () => {
  const pages = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  const index = readFileSync(join(docs, "README.md"), "utf8");
  const listed = [...index.matchAll(/\]\(((?:decisions\/)?[\w-]+\.md)\)/g)].map(([, path]) => path);
  expect(listed.toSorted()).toEqual(pages.filter((page) => page !== "README.md").toSorted());
});
