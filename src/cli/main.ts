/** What `bin/coterie` loads. */
import { realpathSync } from "node:fs";
import { runCommandLine } from "./command-line.ts";

/** What is still open then is not worth waiting for. */
const lingerMs = 2_000;

const [, script = "", ...words] = process.argv;
const code = await runCommandLine(words, realpathSync(script));
process.exitCode = code;
setTimeout(() => process.exit(code), lingerMs).unref();
