/**
 * One measurement in a process of its own, so that no library meets what another has made of the heap and the compiled
 * code. Arguments: library, work, milliseconds, and the folder with the peers. Prints one line of JSON.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { load as loadCoterie } from "./coterie.ts";
import { load as loadEffect } from "./effect-queue.ts";
import { load as loadNodeguy } from "./nodeguy-channel.ts";
import { load as loadThiNg } from "./thi-ng-csp.ts";
import { load as loadTsChan } from "./ts-chan.ts";
import { type Works, workNames } from "./work.ts";

const [library, asked, milliseconds, folder] = process.argv.slice(2) as [string, string, string, string];

/** The files that `import` of a peer's name would find. */
const entries: Readonly<Record<string, string>> = {
  "@thi.ng/csp": "index.js",
  "@nodeguy/channel": "lib/index.js",
  "ts-chan": "build/ts-chan.modern.mjs",
  effect: "dist/index.js",
};

async function imported<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(folder, "node_modules", name, entries[name]!)).href)) as T;
}

const loaders: Readonly<Record<string, () => Promise<Works>>> = {
  coterie: async () => loadCoterie(),
  "@thi.ng/csp": async () => loadThiNg(await imported("@thi.ng/csp")),
  "@nodeguy/channel": async () => loadNodeguy(await imported("@nodeguy/channel")),
  "ts-chan": async () => loadTsChan(await imported("ts-chan")),
  effect: async () => loadEffect(await imported("effect")),
};

const name = workNames.find((each) => each === asked)!;
const work = (await loaders[library]!())[name];
if (work === undefined) throw new Error(`${library} has no ${asked}`);

const batch = 20_000;
// Long enough that the optimizing compiler is done.
const warmUntilMs = performance.now() + Math.min(300, Number(milliseconds) / 2);
do await work(batch);
while (performance.now() < warmUntilMs);

let operations = 0;
const cpuBefore = process.cpuUsage();
const startMs = performance.now();
const endMs = startMs + Number(milliseconds);
do {
  await work(batch);
  operations += batch;
} while (performance.now() < endMs);
const elapsedMs = performance.now() - startMs;
const cpu = process.cpuUsage(cpuBefore);
process.stdout.write(
  `${JSON.stringify({
    nsPerOperation: (elapsedMs * 1e6) / operations,
    cpuNsPerOperation: ((cpu.user + cpu.system) * 1e3) / operations,
  })}\n`,
);
