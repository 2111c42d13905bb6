// Runs the simulator of another commit: node scripts/simulate-commit.mjs COMMIT [simulator's arguments]
// Its sources are built in a folder below .build, with the packages that are installed here.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [wanted, ...args] = process.argv.slice(2);

function git(...words) {
  return execFileSync("git", ["-C", root, ...words], { encoding: "utf8", maxBuffer: 2 ** 30 });
}

let commit;
try {
  commit = git("rev-parse", "--verify", "--short", `${wanted}^{commit}`).trim();
} catch {
  console.error(`There is no commit ${wanted} here.`);
  process.exit(2);
}
const place = join(root, ".build", `commit-${commit}`);
if (!existsSync(join(place, "dist", "simulation", "main.js"))) {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const archive = join(place, "sources.tar");
  git("archive", "-o", archive, commit, "src", "package.json", "tsconfig.base.json", "tsconfig.build.json");
  execFileSync("tar", ["xf", archive, "-C", place]);
  symlinkSync(join(root, "node_modules"), join(place, "node_modules"), "dir");
  console.error(`Building ${commit} …`);
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, "-p", join(place, "tsconfig.build.json")], { stdio: ["ignore", 2, 2] });
}
const { status } = spawnSync(process.execPath, [join(place, "dist", "simulation", "main.js"), ...args], {
  stdio: "inherit",
});
process.exit(status ?? 2);
