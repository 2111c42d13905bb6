/**
 * The TypeScript in the documents compiles, against the package as its users see it. A block that imports something is a
 * module of its own; any other stands in a function behind the document's preamble, a comment that readers do not see:
 *
 *     <!-- preamble
 *     import { Channel } from "coterie/channels";
 *     declare const channel: Channel<number>;
 *     -->
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

interface Block {
  /** E.g. "docs/channels.md:12". */
  readonly place: string;
  /** Of the text in its file. */
  readonly firstLine: number;
  readonly text: string;
}

function documents(): readonly string[] {
  const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).map((name) => `docs/${name}`);
  return ["README.md", ...inDocs.filter((name) => name.endsWith(".md"))];
}

function blocksOf(path: string, markdown: string): readonly Block[] {
  const preamble = [...markdown.matchAll(/<!-- preamble\n([\s\S]*?)-->/g)].map((match) => match[1]).join("");
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => {
    const text = match[1] ?? "";
    const line = markdown.slice(0, match.index).split("\n").length + 1;
    const isModule = /^import /m.test(text);
    const before = isModule ? "" : `${preamble}export async function block() {\n`;
    return {
      place: `${path}:${line}`,
      firstLine: before.split("\n").length,
      text: isModule ? `${text}export {};\n` : `${before}${text}}\n`,
    };
  });
}

/** What the compiler has against `blocks`, each complaint with its place in the document. */
function complaintsAbout(blocks: readonly Block[], name: string): readonly string[] {
  const directory = join(root, ".build", name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [at, { text }] of blocks.entries()) writeFileSync(join(directory, `block${at}.ts`), text);
  const options = { noEmit: true, rootDir: "../..", declaration: false, isolatedDeclarations: false };
  const config = { extends: "../../tsconfig.base.json", compilerOptions: options, include: ["*.ts"] };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "-p", directory, "--pretty", "false"], {
    encoding: "utf8",
  });
  rmSync(directory, { recursive: true, force: true });
  return [...stdout.matchAll(/block(\d+)\.ts\((\d+),\d+\): (.*)$/gm)].map(([, at, line, complaint]) => {
    const block = blocks[Number(at)];
    if (block === undefined) return String(complaint);
    const [path, first] = block.place.split(":");
    return `${path}:${Number(first) + Number(line) - block.firstLine}: ${complaint}`;
  });
}

test("the TypeScript in the documents compiles", () => {
  const blocks = documents().flatMap((path) => blocksOf(path, readFileSync(join(root, path), "utf8")));
  expect(blocks.length).toBeGreaterThan(20);
  expect(complaintsAbout(blocks, "docs")).toEqual([]);
});

test("a planted mistake is found, at its line", () => {
  const markdown = [
    "# Text",
    "<!-- preamble",
    "declare const count: number;",
    "-->",
    "```ts",
    "const one = count + 1;",
    "one.nonsense();",
    "```",
    "```ts",
    'import { Channel } from "coterie/channels";',
    "new Channel<number>(false);",
    "```",
  ].join("\n");
  expect(complaintsAbout(blocksOf("a.md", `${markdown}\n`), "docs-planted")).toEqual([
    expect.stringMatching(/^a\.md:7: error TS2339/),
    expect.stringMatching(/^a\.md:11: error TS2345/),
  ]);
});
