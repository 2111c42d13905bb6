/**
 * `coterie demo`: a cluster on this machine, every node a process of its own. The demo starts each node once, tells
 * what becomes of them, and takes them along when it ends, however it ends (see demo-control.ts). It restarts nobody:
 * watching a node stay dead is what a demo is for.
 */
import type { LogLevel, Platform } from "../platform/index.ts";
import { DemoControl } from "./demo-control.ts";
import { DemoDirectory, nodeCountDefault, nodeNames } from "./demo-directory.ts";
import type { DemoMessage } from "./demo-message.ts";
import { DemoNode } from "./demo-node.ts";
import { choosePorts, type PortWishes } from "./demo-ports.ts";
import { type DemoEvent, type DemoReport, jsonReport, textReport } from "./demo-report.ts";
import { restartCommand, spawnNode } from "./demo-spawn.ts";
import type { Password } from "./password.ts";
import { DemoFailedError, UsageError } from "./refusal.ts";
import type { StopSignals } from "./stop-signals.ts";

export interface DemoOptions extends PortWishes {
  readonly nodeCount: number | undefined;
  readonly shards: number | undefined;
  readonly directory: string | undefined;
  readonly isMemory: boolean;
  readonly isJson: boolean;
  readonly logLevel: LogLevel;
  readonly password: Password | undefined;
}

/** What the demo needs of its process. */
export interface DemoWorld {
  readonly platform: Platform;
  readonly environment: NodeJS.ProcessEnv;
  /** Our own `bin/coterie`, absolute. */
  readonly binary: string;
  /** How the user would call it. */
  readonly command: string;
  readonly signals: StopSignals;
  print(line: string): void;
}

const readyTimeoutMs = 30_000;
/** How long nodes may take to end cleanly before they are killed, which loses nothing acknowledged, and then to be gone. */
const stopTimeoutMs = 4_000;
const killTimeoutMs = 1_000;

/** Runs until it is told to stop. @throws every refusal that `coterie demo` knows */
export async function runDemo(world: DemoWorld, options: DemoOptions): Promise<void> {
  if (options.isMemory && options.directory !== undefined)
    throw new UsageError("--memory keeps nothing on disk and --dir says where to keep it. Leave one of them out.");
  const directory = options.isMemory ? undefined : await DemoDirectory.open(world.platform, options);
  const report = options.isJson ? jsonReport : textReport;
  try {
    const names = directory?.names ?? nodeNames(options.nodeCount ?? nodeCountDefault);
    const ports = await choosePorts(world.platform.random, names.length, options);
    const nodes = names.map((name, index) => {
      const pair = ports[index] ?? { redis: 0, cluster: 0, http: 0, peer: 0 };
      return new DemoNode(name, directory?.nodeDirectory(name), pair);
    });
    await new Demo(world, options, nodes, directory, report).run();
  } finally {
    await directory?.close();
  }
  const removed = directory?.isTemporary === true ? directory.path : undefined;
  for (const line of report.event({ event: "stopped", removed })) world.print(line);
}

class Demo {
  readonly #world: DemoWorld;
  readonly #options: DemoOptions;
  readonly #nodes: readonly DemoNode[];
  readonly #directory: DemoDirectory | undefined;
  readonly #report: DemoReport;
  #phase: "starting" | "ready" | "stopping" = "starting";
  /** The last leader that was told of. */
  #leaderText = "";
  /** Looks again at what `#until` waits for. */
  #changed: () => void = () => {};

  constructor(
    world: DemoWorld,
    options: DemoOptions,
    nodes: readonly DemoNode[],
    directory: DemoDirectory | undefined,
    report: DemoReport,
  ) {
    this.#world = world;
    this.#options = options;
    this.#nodes = nodes;
    this.#directory = directory;
    this.#report = report;
  }

  async run(): Promise<void> {
    const { platform, signals } = this.#world;
    const names = this.#nodes.map((node) => node.name);
    const control = await DemoControl.listen(hex(platform.random.bytes(16)), names, {
      onAttached: (from) => this.#attached(from.name, from.pid),
      onMessage: (from, message) => this.#heard(from.name, from.pid, message),
      onDetached: (from) => this.#detached(from.name, from.pid),
    });
    signals.onStop(() => this.#changed());
    signals.onForce(() => this.#kill(control));
    this.#directory?.publish(control.address);
    try {
      this.#startAll(control);
      await this.#until(() => signals.isStopping || this.#isUp() || this.#isAnyDead(), readyTimeoutMs);
      if (!signals.isStopping) await this.#watch();
    } finally {
      await this.#stop(control);
    }
  }

  async #watch(): Promise<void> {
    const { signals } = this.#world;
    this.#announce();
    await this.#until(() => signals.isStopping || this.#isLost());
    if (signals.isStopping) return;
    throw new DemoFailedError("All nodes are dead, and nothing of them is on disk. Start the demo again.");
  }

  #startAll(control: DemoControl): void {
    const peers = this.#nodes.map(({ name, ports }) => ({ name, host: "127.0.0.1", port: ports.peer }));
    const secret = this.#directory?.secret ?? hex(this.#world.platform.random.bytes(32));
    for (const node of this.#nodes) {
      const shards = this.#directory?.shards ?? this.#options.shards ?? 1;
      const child = spawnNode(node, {
        ...this.#world,
        ...this.#options,
        shards,
        peers,
        secret,
        control: control.address,
      });
      const pid = child.pid ?? 0;
      node.child = child;
      node.state = { kind: "starting", pid };
      child.once("error", () => this.#ended(node, pid, null, null));
      child.once("exit", (code, signal) => this.#ended(node, pid, code, signal));
    }
  }

  /** @throws DEMO_FAILED unless every node serves and one of them leads. */
  #announce(): void {
    const seconds = readyTimeoutMs / 1_000;
    const dead = this.#nodes.find((node) => node.state.kind === "dead");
    if (dead !== undefined) throw new DemoFailedError(`${dead.name} did not start; why stands above.`);
    const late = this.#nodes.find((node) => node.state.kind !== "serving");
    if (late !== undefined)
      throw new DemoFailedError(`${late.name} does not serve after ${seconds} s. Look at its log: --log-level info.`);
    if (!this.#isUp())
      throw new DemoFailedError(`The nodes have no leader after ${seconds} s. Look at their logs: --log-level info.`);
    this.#phase = "ready";
    const lines = this.#report.ready({
      nodes: this.#nodes.map((node) => node.view()),
      directory: this.#directory?.path,
      isTemporary: this.#directory?.isTemporary === true,
      hasPassword: this.#options.password !== undefined,
      command: this.#world.command,
    });
    for (const line of lines) this.#world.print(line);
  }

  #isUp(): boolean {
    const followers = this.#nodes.filter((node) => node.state.kind === "serving" && node.role === "follower");
    const leaders = this.#nodes.filter((node) => node.state.kind === "serving" && node.role === "leader");
    const isOneShard = this.#nodes.every((node) => node.shards === 1);
    const isLed = isOneShard ? leaders.length === 1 : leaders.length > 0;
    return isLed && leaders.length + followers.length === this.#nodes.length;
  }

  #isAnyDead(): boolean {
    return this.#nodes.some((node) => node.state.kind === "dead");
  }

  /** Nothing is left of a cluster in memory once all its nodes are dead. */
  #isLost(): boolean {
    return this.#options.isMemory && this.#nodes.every((node) => node.state.kind === "dead");
  }

  #find(name: string): DemoNode | undefined {
    return this.#nodes.find((node) => node.name === name);
  }

  /** A process that the demo did not start: a node that comes back by hand. */
  #attached(name: string, pid: number): void {
    const node = this.#find(name);
    if (node?.state.kind === "dead") node.state = { kind: "starting", pid };
  }

  #heard(name: string, pid: number, message: DemoMessage): void {
    const node = this.#find(name);
    if (node === undefined || !node.isProcess(pid)) return;
    if (message.type === "ready") {
      node.redis = message.redis;
      node.state = { kind: "serving", pid };
      if (this.#phase === "ready") this.#tell({ event: "back", name, pid, redis: node.redis });
    } else if (message.type === "role") {
      node.role = message.role;
      node.leads = message.leads;
      node.shards = message.shards;
      // Of many shards one or the other changes its leader all the time; `coterie status` shows them.
      if (message.role === "leader" && message.shards === 1) this.#led(name, message.term);
    }
    this.#changed();
  }

  #led(name: string, term: number): void {
    const text = `${name} ${term}`;
    if (text === this.#leaderText) return;
    this.#leaderText = text;
    if (this.#phase === "ready") this.#tell({ event: "leader", name, term });
  }

  /** A node that was started by hand has ended; of a child its exit tells more, and comes as well. */
  #detached(name: string, pid: number): void {
    const node = this.#find(name);
    if (node !== undefined && node.child?.pid !== pid) this.#ended(node, pid, null, null);
    this.#changed();
  }

  #ended(node: DemoNode, pid: number, code: number | null, signal: string | null): void {
    if (node.child?.pid === pid || pid === 0) node.child = undefined;
    if (node.isProcess(pid)) {
      node.state = { kind: "dead", pid };
      node.role = "unknown";
      const restart = restartCommand(this.#world.command, node, this.#options.password);
      if (this.#phase === "ready") this.#tell({ event: "died", name: node.name, pid, exitCode: code, signal, restart });
    }
    this.#changed();
  }

  async #stop(control: DemoControl): Promise<void> {
    if (this.#phase === "ready") this.#tell({ event: "stopping" });
    this.#phase = "stopping";
    control.endAll();
    const attached = new Set(control.attached().map((node) => node.pid));
    // A node that somebody has paused cannot hear that it is over.
    for (const pid of attached) signalIfAlive(pid, "SIGCONT");
    for (const { child } of this.#nodes)
      if (child?.pid !== undefined && !attached.has(child.pid)) child.kill("SIGTERM");
    const isOver = (): boolean =>
      control.attached().length === 0 && this.#nodes.every((node) => node.child === undefined);
    await this.#until(isOver, stopTimeoutMs);
    if (isOver()) return;
    this.#kill(control);
    await this.#until(isOver, killTimeoutMs);
  }

  #kill(control: DemoControl): void {
    for (const { child } of this.#nodes) child?.kill("SIGKILL");
    for (const { pid } of control.attached()) signalIfAlive(pid, "SIGKILL");
  }

  #tell(event: DemoEvent): void {
    for (const line of this.#report.event(event)) this.#world.print(line);
  }

  /** Resolves when `condition` holds, or after `timeoutMs`. */
  #until(condition: () => boolean, timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        timer?.cancel();
        this.#changed = () => {};
        resolve();
      };
      const timer = timeoutMs === undefined ? undefined : this.#world.platform.clock.setTimer(timeoutMs, finish);
      this.#changed = () => {
        if (condition()) finish();
      };
      this.#changed();
    });
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself in the meantime.
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
