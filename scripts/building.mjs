// What is built from the sources, and whether it is stale. Needs nothing but Node, and what scripts/prepare.mjs has installed.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Whether something below `sources`, named from the root, is newer than what bears the stamp. */
export function isStale(stamp, sources) {
  if (!existsSync(stamp)) return true;
  return Math.max(...sources.map((name) => newestMs(join(root, name)))) > statSync(stamp).mtimeMs;
}

/** What changes while the compiler runs is newer than what it builds. */
export function writeStamp(stamp, startedMs) {
  writeFileSync(stamp, "");
  utimesSync(stamp, startedMs / 1000, startedMs / 1000);
}

/** Standard output belongs to the command that comes after. */
export function compile(...args) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, ...args], { cwd: root, stdio: ["ignore", 2, 2] });
}

/**
 * Puts what the command line loads into a few files: resolving and opening four hundred modules takes Node longer than all else
 * that a short command does. Other packages stay where they are.
 */
export async function bundle(dist) {
  const { build } = await import("rolldown");
  await build({
    input: { coterie: join(dist, "cli", "main.js") },
    platform: "node",
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    logLevel: "warn",
    output: {
      dir: join(dist, "program"),
      entryFileNames: "[name].js",
      chunkFileNames: "[name].js",
      cleanDir: true,
    },
  });
}

/**
 * Compiles the project in `folder` to .build/`name`, if that is stale, and gives the way there. What cannot be compiled ends
 * the process.
 */
export function built(name, folder, sources) {
  const output = join(root, ".build", name);
  const stamp = join(output, ".built");
  if (!isStale(stamp, sources)) return output;
  console.error(`Building ${name} …`);
  const startedMs = Date.now();
  for (const old of [output, `${output}.tsbuildinfo`]) rmSync(old, { recursive: true, force: true });
  try {
    compile("-p", join(root, folder, "tsconfig.json"));
  } catch (error) {
    console.error(`Building ${name} failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
  writeStamp(stamp, startedMs);
  return output;
}

/** The newest change below `path`, in milliseconds; 0 if there is nothing. */
function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}
