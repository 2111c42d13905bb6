// Compiles test/chaos/ with what it needs, if it is stale, and runs it. Needs nothing but Node and what scripts/prepare.mjs has installed.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { built } from "./building.mjs";

const sources = ["src", "test/chaos", "test/processes", "test/cli", "tsconfig.base.json", "package-lock.json"];
const output = built("chaos", join("test", "chaos"), sources);
await import(pathToFileURL(join(output, "test", "chaos", "main.js")).href);
