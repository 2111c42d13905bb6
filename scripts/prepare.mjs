// Makes a checkout ready: installs what is missing, builds what is stale. Needs nothing but Node and npm.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const npm = process.platform === "win32" ? "npm.cmd" : "npm";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Coterie needs Node 20.19 or later; this is ${process.versions.node}. Install a newer Node and try again.`,
  );
  process.exit(2);
}

function run(what, command, args) {
  console.error(`${what} …`);
  // Standard output belongs to the command that comes after.
  execFileSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
}

/** The newest change below `path`, in milliseconds; 0 if there is nothing. */
function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isInstalled() {
  const stamp = join(root, "node_modules", ".coterie-lock");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === readFileSync(join(root, "package-lock.json"), "utf8");
}

function isBuilt() {
  const stamp = join(root, "dist", ".built");
  if (!existsSync(stamp)) return false;
  const sources = ["src", "tsconfig.base.json", "tsconfig.build.json", "package-lock.json"];
  return Math.max(...sources.map((name) => newestMs(join(root, name)))) <= statSync(stamp).mtimeMs;
}

function install() {
  run("Installing", npm, ["ci", "--include=dev", "--no-fund", "--no-audit"]);
  writeFileSync(join(root, "node_modules", ".coterie-lock"), readFileSync(join(root, "package-lock.json")));
}

/** Built beside and renamed, so that a build that fails leaves the last good one. */
function build() {
  const startedMs = Date.now();
  // As deep as the place that it gets, since source maps say where the sources are from where they lie themselves.
  const fresh = join(root, `.dist-${process.pid}`);
  const old = `${fresh}-old`;
  const dist = join(root, "dist");
  const stamp = join(fresh, ".built");
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(fresh);
    run("Building", process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", fresh]);
    writeFileSync(stamp, "");
    // What changes while the compiler runs is newer than the build.
    utimesSync(stamp, startedMs / 1000, startedMs / 1000);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  }
}

if (existsSync(join(root, "src"))) {
  try {
    if (!isInstalled()) install();
    if (!isBuilt()) build();
  } catch (error) {
    console.error(`Preparing failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
}
