// Makes a checkout ready: installs what is missing, builds what is stale. Needs nothing but Node and npm.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
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

if (existsSync(join(root, "src"))) {
  try {
    if (!isInstalled()) {
      run("Installing", npm, ["ci", "--include=dev", "--no-fund", "--no-audit"]);
      writeFileSync(join(root, "node_modules", ".coterie-lock"), readFileSync(join(root, "package-lock.json")));
    }
    if (!isBuilt()) {
      // Built beside and renamed, so that a build that fails leaves the last good one.
      const fresh = join(root, ".build", `dist-${process.pid}`);
      rmSync(fresh, { recursive: true, force: true });
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      run("Building", process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", fresh]);
      rmSync(join(root, "dist"), { recursive: true, force: true });
      renameSync(fresh, join(root, "dist"));
      writeFileSync(join(root, "dist", ".built"), "");
    }
  } catch (error) {
    console.error(`Preparing failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
}
