// Compiles test/chaos/ with what it needs, if it is stale, and runs it. Needs nothing but Node and what scripts/prepare.mjs has installed.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const output = join(root, ".build", "chaos");
const stamp = join(output, ".built");

/** The newest change below `path`, in milliseconds; 0 if there is nothing. */
function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

const sources = ["src", "test/chaos", "test/processes", "test/cli", "tsconfig.base.json", "package-lock.json"];
const newest = Math.max(...sources.map((source) => newestMs(join(root, source))));
if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest) {
  console.error("Building the chaos …");
  rmSync(output, { recursive: true, force: true });
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [compiler, "-p", join(root, "test", "chaos", "tsconfig.json")], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
  } catch (error) {
    console.error(`Building the chaos failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
  writeFileSync(stamp, "");
}

await import(pathToFileURL(join(output, "test", "chaos", "main.js")).href);
