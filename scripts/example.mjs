// Compiles examples/ if it is stale and runs one. Needs nothing but Node and what scripts/prepare.mjs has installed.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const output = join(root, ".build", "examples");
const stamp = join(output, ".built");

const names = readdirSync(join(root, "examples"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -".ts".length))
  .sort();
const [name, ...words] = process.argv.slice(2);
if (!names.includes(name)) {
  const asked = name === undefined ? "Which example?" : `There is no example "${name}".`;
  console.error(`${asked} There are: ${names.join(", ")}.\nUsage: npm run example -- NAME`);
  process.exit(2);
}

/** The newest change below `path`, in milliseconds; 0 if there is nothing. */
function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((entry) => newestMs(join(path, entry))));
}

// The examples are compiled against the package's types, so a new build of it is a reason too.
const sources = ["examples", "tsconfig.base.json", "package-lock.json", join("dist", ".built")];
const newest = Math.max(...sources.map((source) => newestMs(join(root, source))));
if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest) {
  rmSync(output, { recursive: true, force: true });
  rmSync(join(root, ".build", "examples.tsbuildinfo"), { force: true });
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    execFileSync(process.execPath, [compiler, "-p", join(root, "examples", "tsconfig.json")], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
  } catch (error) {
    console.error(`Building the examples failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
  writeFileSync(stamp, "");
}

// Every example is a function that is told where its lines go; here they go to standard output.
const { main } = await import(pathToFileURL(join(output, `${name}.js`)).href);
try {
  await main((line) => console.log(line), ...words);
} catch (error) {
  // Coterie's own errors say what to do now; of any other the stack is wanted.
  if (typeof error?.outcome !== "string") throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
