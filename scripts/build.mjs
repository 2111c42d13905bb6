// Builds dist/ where it is. (scripts/prepare.mjs builds it beside, and only if it is stale.)
import { join } from "node:path";
import { bundle, compile, root } from "./building.mjs";

compile("-p", "tsconfig.build.json");
await bundle(join(root, "dist"));
