// Compiles examples/ if it is stale and runs one. Needs nothing but Node and what scripts/prepare.mjs has installed.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { built, root } from "./building.mjs";

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

// The examples are compiled against the package's types, so a new build of it is a reason too.
const sources = ["examples", "tsconfig.base.json", "package-lock.json", join("dist", ".built")];
const output = built("examples", "examples", sources);

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
