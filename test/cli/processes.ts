/** Runs `bin/coterie` as users do, and makes sure that nothing of it outlives the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ErrorReply, ok, type Reply, ReplyDecoder } from "../../src/resp/index.ts";

/** The repository, also for what is compiled into a folder of it. */
export const root: string = rootOf(import.meta.dirname);

export const binary: string = join(root, "bin", "coterie");

function rootOf(folder: string): string {
  return existsSync(join(folder, "bin", "coterie")) ? folder : rootOf(dirname(folder));
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Files and sockets that the system lets it and its children have open. Default: as this process. */
  readonly openFilesMax?: number;
  /** Default: the repository's {@link binary}. */
  readonly program?: string;
}

/** A process of `coterie` whose output is collected. */
export class Run {
  readonly child: ChildProcess;
  readonly done: Promise<Outcome>;
  stdout = "";
  stderr = "";
  #onOutput: () => void = () => {};

  constructor(words: readonly string[], environment: NodeJS.ProcessEnv = {}, options: RunOptions = {}) {
    // As in a user's shell: without what npm and the test runner put there.
    const rest = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(npm_|COTERIE_|VITEST)/.test(name)),
    );
    const { openFilesMax, program = binary } = options;
    const command = [process.execPath, program, ...words];
    if (openFilesMax !== undefined) command.unshift("sh", "-c", `ulimit -n ${openFilesMax} && exec "$0" "$@"`);
    this.child = spawn(command[0] as string, command.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...rest, ...environment },
    });
    runs.add(this);
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#onOutput();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#onOutput();
    });
    this.done = new Promise((resolve) => {
      this.child.on("close", (code, signal) => {
        runs.delete(this);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
        this.#onOutput();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves once `find` finds something in the output; rejects if the process ends before. */
  async output<T>(find: (run: Run) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error(`it ended without the expected output:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }
}

const runs = new Set<Run>();
const folders: string[] = [];

/** Runs `coterie` to its end. */
export function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Run(words, environment).done;
}

/** An empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "coterie-test-"));
  folders.push(folder);
  return folder;
}

/** For `afterEach`: ends what a test left running, and removes its folders. */
export async function cleanUp(): Promise<void> {
  const left = [...runs];
  for (const { child } of left) child.kill("SIGCONT");
  for (const { child } of left) child.kill("SIGTERM");
  const forced = setTimeout(() => {
    for (const { child } of left) child.kill("SIGKILL");
  }, 15_000);
  await Promise.all(left.map((one) => one.done));
  clearTimeout(forced);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export interface DemoNodeLine {
  readonly name: string;
  readonly redis: string;
  readonly peer: string;
  readonly pid: number;
  readonly dir: string | null;
  readonly role: string;
}

export interface DemoEventLine {
  readonly event: string;
  readonly name: string;
  readonly pid: number;
  readonly signal: string | null;
  readonly exitCode: number | null;
  readonly restart?: string;
  readonly term: number;
  readonly removed?: string;
}

/** A demo with `--json`. */
export class DemoRun extends Run {
  constructor(words: readonly string[] = [], environment: NodeJS.ProcessEnv = {}, options: RunOptions = {}) {
    super(["demo", "--json", ...(words.includes("--port") ? [] : ["--port", "0"]), ...words], environment, options);
  }

  async ready(): Promise<readonly DemoNodeLine[]> {
    const line = await this.output(({ stdout }) => /^(\{"nodes".*\})\n/.exec(stdout)?.[1]);
    return JSON.parse(line).nodes;
  }

  /** The first event for which `matches` holds. */
  event(matches: (event: DemoEventLine) => boolean): Promise<DemoEventLine> {
    return this.output(() => this.events().find(matches));
  }

  events(): readonly DemoEventLine[] {
    const lines = this.stdout.split("\n").slice(1, -1);
    return lines.map((line): DemoEventLine => JSON.parse(line));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once none of the processes is left. */
export async function gone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** The replies to `commands`, sent at once over one connection. */
export function ask(port: number, commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
  return new Promise((resolve, reject) => {
    const decoder = new ReplyDecoder();
    const replies: Reply[] = [];
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the connection was closed")));
    socket.write(
      commands
        .map(
          (words) =>
            `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`,
        )
        .join(""),
    );
    socket.on("data", (chunk) => {
      decoder.feed(chunk);
      for (let reply = decoder.next(); reply !== undefined; reply = decoder.next()) replies.push(reply);
      if (replies.length < commands.length) return;
      socket.destroy();
      resolve(replies);
    });
  });
}

/** Has the key hold the value, once there is a leader that lasts: what was refused is sent again, and what may have happened may be. */
export async function write(port: number, key: string, value: string): Promise<void> {
  for (;;) {
    const [reply] = await ask(port, [["SET", key, value]]);
    if (isDeepStrictEqual(reply, ok)) return;
    const isToBeRepeated = reply instanceof ErrorReply && /^(CLUSTERDOWN|LOADING|TRYAGAIN|UNCERTAIN) /.test(reply.text);
    if (!isToBeRepeated) throw new Error(`SET ${key}: ${JSON.stringify(reply)}`);
  }
}
