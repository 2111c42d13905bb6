// Makes a checkout ready: installs what is missing, builds what is stale. Needs nothing but Node and npm.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, compile, isStale, root, writeStamp } from "./building.mjs";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Coterie needs Node 20.19 or later; this is ${process.versions.node}. Install a newer Node and try again.`,
  );
  process.exit(2);
}

function isInstalled() {
  const stamp = join(root, "node_modules", ".coterie-lock");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === readFileSync(join(root, "package-lock.json"), "utf8");
}

function isBuilt() {
  const sources = ["src", "scripts/building.mjs", "tsconfig.base.json", "tsconfig.build.json", "package-lock.json"];
  return !isStale(join(root, "dist", ".built"), sources);
}

function install() {
  console.error("Installing …");
  // Standard output belongs to the command that comes after.
  const stdio = ["ignore", 2, 2];
  const isWindows = process.platform === "win32";
  execFileSync(isWindows ? "npm.cmd" : "npm", ["ci", "--include=dev", "--no-fund", "--no-audit"], {
    cwd: root,
    stdio,
    shell: isWindows,
  });
  writeFileSync(join(root, "node_modules", ".coterie-lock"), readFileSync(join(root, "package-lock.json")));
}

/** Built beside and renamed, so that a build that fails leaves the last good one. */
async function build() {
  const startedMs = Date.now();
  // As deep as the place that it gets, since source maps say where the sources are from where they lie themselves.
  const fresh = join(root, `.dist-${process.pid}`);
  const old = `${fresh}-old`;
  const dist = join(root, "dist");
  try {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
    mkdirSync(fresh);
    console.error("Building …");
    compile("-p", "tsconfig.build.json", "--outDir", fresh);
    await bundle(fresh);
    writeStamp(join(fresh, ".built"), startedMs);
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(fresh, dist);
  } finally {
    for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
  }
}

if (existsSync(join(root, "src"))) {
  try {
    if (!isInstalled()) install();
    if (!isBuilt()) await build();
  } catch (error) {
    console.error(`Preparing failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
}
