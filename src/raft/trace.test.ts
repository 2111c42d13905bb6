import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { playTrace } from "../../test/raft/trace.ts";

const folder = join(import.meta.dirname, "testdata");
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

// RAFT_TRACES=rewrite npx vitest run src/raft/trace writes what comes out; read the difference before you commit it.
const isRewriting = process.env.RAFT_TRACES === "rewrite";

test.for(names)("trace %s", (name) => {
  const path = join(folder, name);
  const text = readFileSync(path, "utf8");
  const played = playTrace(text);
  if (isRewriting) writeFileSync(path, played);
  else expect(played).toBe(text);
});

test("there are traces", () => {
  expect(names.length).toBeGreaterThan(8);
});
