import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findTests, parseDocument, testsInText, updated } from "./consensus.ts";

// After a test was renamed or a new id covered: CONSENSUS_UPDATE=1 npx vitest run test/consensus
const root = join(import.meta.dirname, "..");
const path = join(root, "docs/consensus.md");
const tests = findTests(root, ["src", "test"]);
if (process.env.CONSENSUS_UPDATE === "1") writeFileSync(path, updated(readFileSync(path, "utf8"), tests));
const requirements = parseDocument(readFileSync(path, "utf8"));

test("ids in the names of tests are found, however they are written", () => {
  const [one, , two] = ["I-1", "", "R-9, R-10"];
  const text = `test("a [b] c [${one}]", f);\n  { name: 'd [${one}] [${two}]' },\ntest("no id [at all]");`;
  expect(testsInText("x", text)).toEqual([
    { file: "x", name: "a [b] c", ids: ["I-1"] },
    { file: "x", name: "d", ids: ["I-1", "R-9", "R-10"] },
  ]);
});

test("a line of the document finds its tests, and keeps those that it names", () => {
  const line = "| I-1 | One leader. | “c” ([b](../src/b.test.ts)) |";
  const known = ["a", "b", "c"].map((name) => ({ file: "src/b.test.ts", name, ids: ["I-1"] }));
  expect(updated(line, known)).toBe("| I-1 | One leader. | “c” ([b](../src/b.test.ts)); “a” ([b](../src/b.test.ts)) |");
  expect(updated(line, [])).toBe("| I-1 | One leader. | not covered yet |");
});

test("every test that the document names is there, and shows that id", () => {
  const missing = requirements.flatMap(({ id, tests: named }) =>
    named.flatMap(({ file, name }) =>
      tests.some((each) => each.file === file && each.name === name && each.ids.includes(id)) ? [] : [`${id}: ${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

test("every id that a test shows stands in the document, once, and beside a test", () => {
  const ids = requirements.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  const shown = new Set(tests.flatMap((each) => each.ids));
  expect([...shown].filter((id) => !ids.includes(id))).toEqual([]);
  const bare = requirements.filter(({ id, tests: named }) => named.length === 0 && shown.has(id));
  expect(bare.map(({ id }) => id)).toEqual([]);
});

test("the core holds no clock, disk, socket or promise [C-1]", () => {
  const folder = join(root, "src/raft");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  expect(sources.length).toBeGreaterThan(10);
  const taken = sources.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    const imports = [...text.matchAll(/^import (?:type )?\{([^}]*)\} from "([^"]*)";/gm)];
    return imports.flatMap(([, names = "", from = ""]) =>
      from.startsWith("./") ? [] : names.split(",").map((each) => `${from} ${each.replace("type", "").trim()}`),
    );
  });
  const allowed = ["AssertionFailure", "assert", "mark", "unreachable", "Random", "randomInteger"].map(
    (name) => `../platform/index.ts ${name}`,
  );
  expect([...new Set(taken)].filter((each) => !each.endsWith(" ") && !allowed.includes(each))).toEqual([]);
  const impure = sources.filter((name) =>
    /\b(async|await|Promise|setTimeout|Date|Math\.random|performance)\b/.test(
      readFileSync(join(folder, name), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ""),
    ),
  );
  expect(impure).toEqual([]);
});
