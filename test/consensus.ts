import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** A test, as its file calls it. */
export interface NamedTest {
  /** From the repository's root, with slashes. */
  readonly file: string;
  /** Without the ids at its end. */
  readonly name: string;
  readonly ids: readonly string[];
}

/** A line of docs/consensus.md. */
export interface Requirement {
  readonly id: string;
  readonly statement: string;
  readonly tests: readonly Pick<NamedTest, "file" | "name">[];
}

export const uncovered = "not covered yet";
const namePattern = /(["'`])((?:(?!\1)[^\\\n]|\\.)*?)((?: ?\[[A-Z]-\d+(?:, ?[A-Z]-\d+)*\])+)\1/g;
const rowPattern = /^\| ([A-Z]-\d+) \| (.*?) \| (.*) \|$/;
const linkPattern = /“(.*?)” \(\[[^\]]*\]\(\.\.\/([^)]*)\)\)/g;

/** Every test whose name ends with ids in brackets. */
export function findTests(root: string, folders: readonly string[]): readonly NamedTest[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts"))
      .sort()
      .flatMap((path) => testsIn(posix(relative(root, join(root, folder, path))), join(root, folder, path))),
  );
}

export function testsInText(file: string, text: string): readonly NamedTest[] {
  return [...text.matchAll(namePattern)]
    .map((match) => ({
      file,
      name: (match[2] ?? "").replaceAll('\\"', '"').trim(),
      ids: [...(match[3] ?? "").matchAll(/[A-Z]-\d+/g)].map(([id]) => id),
    }))
    .filter(({ name }) => name !== "");
}

export function parseDocument(text: string): readonly Requirement[] {
  return text.split("\n").flatMap((line): Requirement[] => {
    const [, id, statement, tests] = rowPattern.exec(line) ?? [];
    if (id === undefined || statement === undefined || tests === undefined) return [];
    return [
      { id, statement, tests: [...tests.matchAll(linkPattern)].map(([, name = "", file = ""]) => ({ name, file })) },
    ];
  });
}

/** The document with each line's tests brought up to date; what still exists stays. */
export function updated(text: string, tests: readonly NamedTest[]): string {
  return text
    .split("\n")
    .map((line) => {
      const [requirement] = parseDocument(line);
      return requirement === undefined ? line : render(requirement, tests);
    })
    .join("\n");
}

const shownTestsMax = 2;

function render({ id, statement, tests: named }: Requirement, tests: readonly NamedTest[]): string {
  const all = tests.filter(({ ids }) => ids.includes(id));
  const kept = all.filter(({ file, name }) => named.some((known) => known.file === file && known.name === name));
  // A test with few ids says more about each of them.
  const others = all.filter((test) => !kept.includes(test)).sort((left, right) => left.ids.length - right.ids.length);
  const shown = [...kept, ...others].slice(0, Math.max(kept.length, shownTestsMax));
  const links = shown.map(
    ({ file, name }) => `“${name}” ([${file.split("/").at(-1)?.replace(".test.ts", "")}](../${file}))`,
  );
  return `| ${id} | ${statement} | ${links.length === 0 ? uncovered : links.join("; ")} |`;
}

function testsIn(file: string, path: string): readonly NamedTest[] {
  return testsInText(file, readFileSync(path, "utf8"));
}

function posix(path: string): string {
  return path.split(sep).join("/");
}
