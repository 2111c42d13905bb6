import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { expect, test } from "vitest";
import {
  brokenLinks,
  floorViolations,
  type Sources,
  shapeViolations,
  unusedFiles,
  withoutComments,
  worldViolations,
} from "./tidy.ts";

const root = join(import.meta.dirname, "..");

function read(): Sources {
  const sources = new Map<string, string>();
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (!["node_modules", "dist"].includes(entry.name) && !entry.name.startsWith(".")) visit(path);
      } else if (/\.(ts|md|mjs)$/.test(entry.name)) {
        sources.set(relative(root, path).split(sep).join("/"), readFileSync(path, "utf8"));
      }
    }
  };
  visit(root);
  return sources;
}

const sources = read();

function planted(path: string, text: string): Sources {
  return new Map([[path, text]]);
}

test("comments and strings are not code", () => {
  const text = 'a(); // Date.now()\n/* process.exit() */ const b = "Math.random()";';
  expect(withoutComments(text)).not.toMatch(/Date|process|Math/);
  expect(withoutComments(text).split("\n")).toHaveLength(2);
});

test.for([
  { path: "src/raft/a.ts", text: 'import { x } from "../log/index.ts";', complaint: "must not import" },
  { path: "src/log/a.ts", text: 'import { x } from "../raft/entry.ts";', complaint: "not the face" },
  { path: "src/odd/a.ts", text: "", complaint: "no place" },
])("a planted import is found: $complaint", ({ path, text, complaint }) => {
  expect(floorViolations(planted(path, text)).join()).toContain(complaint);
});

test.for([
  'import { open } from "node:fs";',
  "const now = Date.now();",
  "setTimeout(() => {}, 1);",
  "const x = Math.random();",
  "process.exit(1);",
  'import { randomBytes } from "node:crypto";',
  "async function f() {}",
])("a planted reach into the world is found: %s", (text) => {
  expect(worldViolations(planted("src/raft/a.ts", text))).toHaveLength(1);
});

test("planted lengths, names, marks and silenced tests are found", () => {
  const long = `export function f(): void {\n${"  g();\n".repeat(80)}}\n`;
  expect(shapeViolations(planted("src/raft/a.ts", long)).join()).toContain("a function of 82 lines");
  const method = `class A {\n  #f(\n    a: number,\n  ): void {\n${"    g();\n".repeat(80)}  }\n}\n`;
  expect(shapeViolations(planted("src/raft/a.ts", method)).join()).toContain("a function of 84 lines");
  expect(shapeViolations(planted("src/raft/a.ts", `  f(\n${"    1,\n".repeat(80)}  );\n  }\n`))).toEqual([]);
  expect(shapeViolations(planted("src/raft/a.ts", "a;\n".repeat(600))).join()).toContain("at most 500");
  expect(shapeViolations(planted("src/raft/utils.ts", "")).join()).toContain("named after");
  expect(shapeViolations(planted("src/raft/a.ts", `// ${"TO"}DO: later`)).join()).toContain("left-over");
  expect(shapeViolations(planted("src/raft/a.ts", "export default 1;")).join()).toContain("export default");
  expect(shapeViolations(planted("src/raft/a.test.ts", `test.${"skip"}("x", f);`)).join()).toContain("test.skip");
});

test("a planted orphan and a planted dead link are found", () => {
  expect(unusedFiles(planted("src/raft/a.ts", ""), [])).toHaveLength(1);
  expect(brokenLinks(planted("docs/a.md", "[b](b.md)"), () => false)).toHaveLength(1);
});

test("folders import only from the floors below, by their faces", () => {
  expect(floorViolations(sources)).toEqual([]);
});

test("only platform/ touches the world, and the cores are synchronous", () => {
  expect(worldViolations(sources)).toEqual([]);
});

test("files and functions have a size, a name and no left-overs", () => {
  expect(shapeViolations(sources)).toEqual([]);
});

test("every file is used", () => {
  const manifest: { exports: Record<string, string | { default: string }> } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  );
  const faces = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [] : [target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")],
  );
  const roots = [...faces, "src/cli/main.ts", "src/simulation/main.ts"];
  expect(faces.filter((face) => !sources.has(face))).toEqual([]);
  expect(unusedFiles(sources, roots)).toEqual([]);
});

test("links in the documents lead somewhere", () => {
  expect(brokenLinks(sources, (path) => existsSync(join(root, path)))).toEqual([]);
});

test("the lock file names no registry, and no text names a path of a machine", () => {
  expect(readFileSync(join(root, "package-lock.json"), "utf8")).not.toContain('"resolved"');
  const paths = [...sources].filter(([, text]) => /\/(work|home|root)\/[a-z]/.test(text.replaceAll("[a-z]", "")));
  expect(paths.map(([path]) => path)).toEqual([]);
});
