/** What `bin/coterie` loads. */
import { realpathSync } from "node:fs";
import { explain, runCommandLine } from "./command-line.ts";
import { onCrash } from "./crash.ts";
import { errnoOf } from "./directory.ts";
import { exitCode } from "./exit-code.ts";

/** What is still open then is not worth waiting for. */
const lingerMs = 2_000;

onCrash((error) => {
  // Whoever read has had enough: `coterie … | head`.
  if (errnoOf(error) === "EPIPE") process.exit(exitCode.done);
  process.stderr.write(`coterie: ${explain(error, "").text}\n`);
  process.exit(exitCode.bug);
});

const [, script = "", ...words] = process.argv;
const code = await runCommandLine(words, realpathSync(script));
process.exitCode = code;
setTimeout(() => process.exit(code), lingerMs).unref();
