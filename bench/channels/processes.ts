import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { repositoryRoot } from "../systems/coterie.ts";

const execute = promisify(execFile);
const sources = join(repositoryRoot, "bench", "channels");
/** Nothing here takes longer, on a machine that is busy with other things too. */
const timeoutMs = 120_000;

/** What one process has measured, by name. */
export type Figures = Readonly<Record<string, number>>;

/** The processes that measure: one for each figure, so that none meets what another has made of its heap and its code. */
export interface Processes {
  /** Of Go: "go version …"; undefined where Go is not installed. */
  readonly goVersion: string | undefined;
  /** Why the peers are missing; undefined where they are there. */
  readonly peersAbsence: string | undefined;
  runLibrary(library: string, work: string, measureMs: number): Promise<Figures>;
  runGo(processors: number, work: string, argument: number): Promise<Figures>;
  /** Coterie's goroutines that wait at a channel. */
  runParked(count: number): Promise<Figures>;
}

/** Compiles the Go program into `directory`, and installs the peers below .build/ unless they are there. */
export function prepareProcesses(directory: string): Processes {
  const goVersion = versionOfGo();
  const program = join(directory, "go-channels");
  if (goVersion !== undefined) {
    const env = { ...process.env, GOCACHE: join(directory, "go-cache") };
    execFileSync("go", ["build", "-o", program, join(sources, "go", "main.go")], { env, stdio: ["ignore", 2, 2] });
  }
  const peers = join(repositoryRoot, ".build", "bench-peers");
  const peersAbsence = installPeers(peers);
  const node = (args: readonly string[]): Promise<Figures> => run(process.execPath, args, {});
  return {
    goVersion,
    peersAbsence,
    runLibrary: (library, work, measureMs) => node([script("runner.js"), library, work, String(measureMs), peers]),
    runGo: (processors, work, argument) => run(program, [work, String(argument)], { GOMAXPROCS: String(processors) }),
    runParked: (count) => node(["--expose-gc", script("parked.js"), String(count)]),
  };
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Figures> {
  const { stdout } = await execute(command, [...args], { env: { ...process.env, ...env }, timeout: timeoutMs });
  return JSON.parse(stdout) as Figures;
}

function versionOfGo(): string | undefined {
  try {
    return execFileSync("go", ["version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}

/** They are kept out of the repository's own dependencies: one of them alone takes 60 MB. */
function installPeers(folder: string): string | undefined {
  const lock = readFileSync(join(sources, "peers", "package-lock.json"), "utf8");
  const installed = join(folder, "package-lock.json");
  const isThere = existsSync(join(folder, "node_modules")) && existsSync(installed);
  if (isThere && readFileSync(installed, "utf8") === lock) return undefined;
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) {
    copyFileSync(join(sources, "peers", name), join(folder, name));
  }
  try {
    execFileSync("npm", ["ci", "--ignore-scripts"], { cwd: folder, stdio: ["ignore", 2, 2] });
    return undefined;
  } catch (error) {
    return `npm ci failed: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`;
  }
}
