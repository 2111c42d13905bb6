// Compiles bench/ if it is stale and runs it. Needs nothing but Node and what scripts/prepare.mjs has installed.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { built } from "./building.mjs";

const output = built("bench", "bench", ["bench", "tsconfig.base.json", "package-lock.json"]);
await import(pathToFileURL(join(output, "main.js")).href);
