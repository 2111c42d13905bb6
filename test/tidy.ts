/**
 * The rules of the house that a tool can check, as pure functions from sources to complaints. `tidy.test.ts` shows each
 * of them a planted fault, then holds them against the repository.
 */
import { dirname, join, normalize } from "node:path/posix";

/** Path from the repository's root, with "/" → text. */
export type Sources = ReadonlyMap<string, string>;

/** Each folder of `src/` imports only from those before it (and from itself). */
export const floors: readonly string[] = [
  "platform",
  "channels",
  "net",
  "resp",
  "ring",
  "raft",
  "log",
  "gossip",
  "keyspace",
  "directory",
  "cluster",
  "server",
  "http",
  "client",
  "cli",
  "simulation",
];

const fileLinesMax = 500;
const functionLinesMax = 70;
const vagueNames = new Set(["utils.ts", "util.ts", "common.ts", "types.ts", "constants.ts", "helpers.ts", "misc.ts"]);

/** What reaches out into the world, and so stands in `platform/` alone. */
const worldly: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  {
    name: "a module of the outside world",
    pattern:
      /from "node:(fs|fs\/promises|net|dgram|tls|timers|timers\/promises|worker_threads|child_process|os|http|https|perf_hooks)"/,
  },
  { name: "process", pattern: /(?<![.\w#])process\s*\.(?!ts)/ },
  { name: "a timer", pattern: /(?<![.\w#])(setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/ },
  { name: "Date", pattern: /(?<![.\w#])Date\s*(\.now|\()|new Date\b/ },
  { name: "performance", pattern: /(?<![.\w#])performance\s*\./ },
  { name: "Math.random", pattern: /Math\.random/ },
  {
    name: "the random numbers of node:crypto",
    pattern: /\b(randomBytes|randomInt|randomUUID|getRandomValues|randomFillSync)\b/,
  },
];

/** Folders and files that deal with the process and the terminal by their nature. */
const worldlyExempt: readonly RegExp[] = [/^src\/platform\//, /^src\/cli\//, /^src\/simulation\/main\.ts$/];

/** A parameter, variable or property of that name is not the global. */
const bindsProcess = /[({,]\s*process\s*[:,})]|\b(const|let)\s+process\b|\bget process\(/;

const pureFolders = ["raft", "ring", "resp", "keyspace"];

function isTest(path: string): boolean {
  return /\.(test|bench)\.ts$/.test(path);
}

function floorOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** The text with comments blanked and, unless `keepStrings`, what stands in string literals too. Lines stay where they are. */
export function withoutComments(text: string, keepStrings = false): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\//g;
  return text.replace(token, (found) => {
    const isComment = found.startsWith("//") || found.startsWith("/*");
    if (!isComment && keepStrings) return found;
    return found.replace(/[^\n]/g, " ");
  });
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

interface Import {
  readonly line: number;
  readonly specifier: string;
}

function importsOf(text: string): readonly Import[] {
  const found: Import[] = [];
  for (const match of withoutComments(text, true).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)) {
    found.push({ line: lineOf(text, match.index), specifier: match[1] as string });
  }
  return found;
}

/** Imports that go up, or past another folder's face. */
export function floorViolations(sources: Sources): string[] {
  const complaints: string[] = [];
  for (const [path, text] of sources) {
    const floor = floorOf(path);
    if (floor === undefined) continue;
    if (!floors.includes(floor))
      complaints.push(`${path}: the folder src/${floor} has no place in the order of floors`);
    for (const { line, specifier } of importsOf(text)) {
      if (!specifier.startsWith(".")) continue;
      const target = normalize(join(dirname(path), specifier));
      const targetFloor = floorOf(target);
      if (targetFloor === floor) continue;
      if (targetFloor === undefined) {
        if (!isTest(path) && path.startsWith("src/")) complaints.push(`${path}:${line}: ${specifier} leaves src/`);
        continue;
      }
      if (target !== `src/${targetFloor}/index.ts`)
        complaints.push(`${path}:${line}: ${specifier} is not the face of ${targetFloor}/`);
      if (!isTest(path) && floors.indexOf(targetFloor) > floors.indexOf(floor)) {
        complaints.push(`${path}:${line}: ${floor}/ stands below ${targetFloor}/ and must not import it`);
      }
    }
  }
  return complaints;
}

/** Uses of clocks, randomness, files, sockets and the process outside of `platform/`. */
export function worldViolations(sources: Sources): string[] {
  const complaints: string[] = [];
  for (const [path, text] of sources) {
    if (!path.startsWith("src/") || isTest(path) || worldlyExempt.some((pattern) => pattern.test(path))) continue;
    const code = withoutComments(text);
    const codeWithStrings = withoutComments(text, true);
    for (const { name, pattern } of worldly) {
      if (name === "process" && bindsProcess.test(code)) continue;
      const match = pattern.exec(pattern.source.startsWith("from") ? codeWithStrings : code);
      if (match) complaints.push(`${path}:${lineOf(text, match.index)}: uses ${name}, which only platform/ may`);
    }
    const floor = floorOf(path) ?? "";
    if (!pureFolders.includes(floor)) continue;
    const asynchronous = /\b(async|await|Promise)\b/.exec(code);
    if (asynchronous)
      complaints.push(
        `${path}:${lineOf(text, asynchronous.index)}: ${floor}/ is synchronous, "${asynchronous[0]}" is not`,
      );
  }
  return complaints;
}

/** Files and functions that are too long, vague names, default and wildcard exports, left-over marks, silenced tests. */
export function shapeViolations(sources: Sources): string[] {
  const complaints: string[] = [];
  for (const [path, text] of sources) {
    if (!path.endsWith(".ts")) continue;
    const code = withoutComments(text);
    const lines = text.split("\n");
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (vagueNames.has(name)) complaints.push(`${path}: a file is named after what it holds, not "${name}"`);
    if (path.startsWith("src/") && !isTest(path)) {
      if (lines.length > fileLinesMax) complaints.push(`${path}: ${lines.length} lines, at most ${fileLinesMax}`);
      complaints.push(...longFunctions(path, code));
      const wildcard = /^export (\*|default)/m.exec(code);
      if (wildcard) complaints.push(`${path}:${lineOf(text, wildcard.index)}: no "export ${wildcard[1]}"`);
      const mark = /\b(TODO|FIXME|XXX|HACK)\b/.exec(text);
      if (mark) complaints.push(`${path}:${lineOf(text, mark.index)}: left-over ${mark[1]}`);
    }
    const silenced = /\b(it|test|describe)\.(skip|only|todo)\b/.exec(code);
    if (silenced) complaints.push(`${path}:${lineOf(text, silenced.index)}: ${silenced[0]}`);
  }
  return complaints;
}

/** Functions longer than a screen, found by the indentation that the formatter gives them. */
function longFunctions(path: string, code: string): string[] {
  const complaints: string[] = [];
  const lines = code.split("\n");
  for (const [start, line] of lines.entries()) {
    const body = bodyStart(lines, start);
    if (body === undefined) continue;
    const indentation = /^\s*/.exec(line)?.[0] ?? "";
    const end = lines.findIndex((candidate, at) => at > body && candidate.startsWith(`${indentation}}`));
    const length = end - start + 1;
    if (length > functionLinesMax) {
      complaints.push(`${path}:${start + 1}: a function of ${length} lines, at most ${functionLinesMax}`);
    }
  }
  return complaints;
}

/** The line whose "{" opens the body of the function or method that begins at line `start`; undefined if none does. */
function bodyStart(lines: readonly string[], start: number): number | undefined {
  const line = lines[start] as string;
  const isFunction = /^\s*(export )?(async )?function\b/.test(line);
  const isMethod = /^ {2}((static|override|async|get|set|protected|private) |\*)*#?\w+(<.*>)?\(/.test(line);
  if ((!isFunction && !isMethod) || /^ {2}(if|for|while|switch|return|catch)\b/.test(line)) return undefined;
  if (line.endsWith("{") && !line.endsWith("({")) return start;
  if (!line.endsWith("(")) return undefined;
  const indentation = /^\s*/.exec(line)?.[0] ?? "";
  const close = lines.findIndex((candidate, at) => at > start && candidate.startsWith(`${indentation})`));
  return lines[close]?.endsWith("{") === true ? close : undefined;
}

/** Files of `src/` that no face, no command and no test of another file reaches. */
export function unusedFiles(sources: Sources, roots: readonly string[]): string[] {
  const reached = new Set<string>();
  const queue = [...roots];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const text = sources.get(path);
    if (text === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(text))
      if (specifier.startsWith(".")) queue.push(normalize(join(dirname(path), specifier)));
  }
  return [...sources.keys()]
    .filter(
      (path) =>
        path.startsWith("src/") &&
        path.endsWith(".ts") &&
        !path.endsWith(".d.ts") &&
        !isTest(path) &&
        !reached.has(path),
    )
    .map((path) => `${path}: nothing that is exported or run uses it`);
}

/** Links of the documents to files that are not there. */
export function brokenLinks(sources: Sources, exists: (path: string) => boolean): string[] {
  const complaints: string[] = [];
  for (const [path, text] of sources) {
    if (!path.endsWith(".md")) continue;
    for (const match of text
      .replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, " "))
      .matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)) {
      const target = match[1] as string;
      if (/^[a-z]+:/.test(target)) continue;
      if (!exists(normalize(join(dirname(path), target))))
        complaints.push(`${path}:${lineOf(text, match.index)}: ${target} is not there`);
    }
  }
  return complaints;
}
