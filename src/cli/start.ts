/** `coterie start`: one node in this process, until it is told to stop. */
import { rmSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { isatty } from "node:tty";
import { background, CancelledError } from "../channels/index.ts";
import { nodeExitCode } from "../cluster/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { type ConsoleLog, openConsoleLog } from "./console-logger.ts";
import { onCrash } from "./crash.ts";
import { attachToDemo, controlVariable, type DemoAttachment, type DemoMember } from "./demo-attachment.ts";
import { removeAbandonedDemo } from "./demo-directory.ts";
import { prepareDirectory, writeFileDurably } from "./directory.ts";
import { exitCode } from "./exit-code.ts";
import { limitHeapGrowth } from "./heap-growth.ts";
import { type HostedNode, hostNode, nodeNameIn } from "./node-host.ts";
import { type Password, readPassword, readSecretFile } from "./password.ts";
import { formatAddress } from "./peer-list.ts";
import { UsageError } from "./refusal.ts";
import { loadSettings, type Settings, saveSettings } from "./settings.ts";
import type { StartFlags } from "./start-command.ts";
import { planStart, type StartPlan } from "./start-plan.ts";
import { StopSignals } from "./stop-signals.ts";

const rolePollMs = 250;

/** What the environment says, taken out of it: no child or dump of this process shows it. */
interface Secrets {
  readonly password: string | undefined;
  readonly clusterSecret: string | undefined;
  readonly control: string | undefined;
}

/** Resolves when the node has stopped. @throws every refusal that `coterie start` knows */
export async function startNode(flags: StartFlags): Promise<void> {
  const secrets = takeSecrets();
  const directory = placeOf(flags);
  const settings = directory === undefined ? undefined : loadSettings(directory);
  const knownName = directory === undefined ? undefined : nodeNameIn(directory);
  const password = passwordOf(flags, settings, secrets);
  const secret =
    flags.secretFile === undefined ? secrets.clusterSecret : readSecretFile("--secret-file", flags.secretFile);
  const plan = planStart(flags, { directory, settings, hasNode: knownName !== undefined, password, secret });
  const name = plan.name ?? knownName ?? "";
  if (directory !== undefined) prepareDirectory(directory);

  const log = openConsoleLog({
    level: flags.logLevel,
    isTerminal: isatty(2),
    hasColor: process.env.NO_COLOR === undefined,
    fields: { node: name },
  });
  try {
    if (password?.warning !== undefined) log.logger.log("warn", "password in sight", { cure: password.warning });
    await new NodeProcess({ name, directory, plan, password, log, control: secrets.control }).run();
  } finally {
    log.flush();
  }
}

function takeSecrets(): Secrets {
  const { COTERIE_PASSWORD: password, COTERIE_SECRET: clusterSecret, [controlVariable]: control } = process.env;
  for (const variable of ["COTERIE_PASSWORD", "COTERIE_SECRET", controlVariable]) delete process.env[variable];
  return { password, clusterSecret, control };
}

function placeOf(flags: StartFlags): string | undefined {
  if (flags.memory === true && flags.dir !== undefined)
    throw new UsageError("--memory keeps nothing on disk and --dir says where to keep it. Leave one of them out.");
  if (flags.memory === true) return undefined;
  if (flags.dir !== undefined) return resolve(flags.dir);
  throw new UsageError("A node needs --dir, a directory of its own, such as --dir ./data/n1 (or --memory).");
}

/** As given, or else from the file that was used at the last start. */
function passwordOf(flags: StartFlags, settings: Settings | undefined, secrets: Secrets): Password | undefined {
  const given = readPassword(flags, secrets.password);
  const isOpened = flags.openAccess === true;
  if (given !== undefined && isOpened) throw new UsageError("--open-access and a password exclude each other.");
  if (given !== undefined || isOpened || settings?.passwordFile === undefined) return given;
  return readPassword({ passwordFile: settings.passwordFile }, undefined);
}

interface NodeProcessOptions {
  readonly name: string;
  readonly directory: string | undefined;
  readonly plan: StartPlan;
  readonly password: Password | undefined;
  readonly log: ConsoleLog;
  /** Where the demo is that started this process. */
  readonly control: string | undefined;
}

class NodeProcess {
  readonly #options: NodeProcessOptions;
  readonly #platform: Platform;
  readonly #signals: StopSignals;
  /** Whether the node still loads what it holds, or replicas move. */
  #isBulky: () => boolean = () => true;

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    const { log } = options;
    const exit = (code: number, reason: string): never => {
      log.logger.log("error", "node stops", { exitCode: code, reason });
      log.flush();
      return endProcess(code, reason);
    };
    this.#platform = createNodePlatform({ exit });
    this.#signals = new StopSignals(() => this.#platform.clock.nowMs());
    this.#signals.onForce(() => exit(exitCode.interrupted, "asked to stop a second time"));
    onCrash((error) => exit(exitCode.bug, `this is a bug, please report it: ${error.stack ?? error.message}`));
  }

  async run(): Promise<void> {
    const { control, directory, name } = this.#options;
    limitHeapGrowth(() => this.#isBulky());
    const attachment = await this.#attach({ name, directory }, control);
    try {
      if (this.#signals.isStopping) return;
      void attachment?.ended.then(() => this.#signals.request("demoEnded"));
      await this.#serve(attachment);
    } finally {
      attachment?.close();
    }
  }

  /** Until it is asked to stop. */
  async #serve(attachment: DemoAttachment | undefined): Promise<void> {
    const { directory, log } = this.#options;
    const node = await this.#host();
    if (node === undefined) return;
    this.#isBulky = () => node.isBulky();
    const pidFile = directory === undefined ? undefined : join(directory, "coterie.pid");
    try {
      if (directory !== undefined) saveSettings(directory, this.#options.plan.settings);
      if (pidFile !== undefined) writeFileDurably(pidFile, `${process.pid}\n`, 0o644);
      this.#announce(node, attachment);
      await new Promise<void>((stop) => this.#signals.onStop(() => stop()));
      log.logger.log("info", "node stopping", { reason: this.#signals.reason });
    } finally {
      await node.close();
      if (pidFile !== undefined) rmSync(pidFile, { force: true });
    }
    log.logger.log("info", "node stopped");
    if (directory !== undefined && this.#signals.reason === "demoEnded") removeAbandonedDemo(directory, isAlive);
  }

  /** That the demo is gone is no failure where this process has been told to stop as well. */
  async #attach(node: DemoMember, control: string | undefined): Promise<DemoAttachment | undefined> {
    try {
      return await attachToDemo(node, control);
    } catch (error) {
      if (this.#signals.isStopping) return undefined;
      throw error;
    }
  }

  /** Undefined: the process was told to stop while the cluster was asked whether the node may join. */
  async #host(): Promise<HostedNode | undefined> {
    const { directory, log, name, password, plan } = this.#options;
    const [context, cancel] = background().withCancel();
    this.#signals.onStop(() => cancel());
    try {
      return await hostNode({
        platform: this.#platform,
        logger: log.logger,
        name,
        directory,
        plan,
        password: password?.text,
        context,
        onShutdown: () => this.#signals.request("shutdown"),
      });
    } catch (error) {
      if (this.#signals.isStopping && error instanceof CancelledError) return undefined;
      throw error;
    }
  }

  #announce(node: HostedNode, attachment: DemoAttachment | undefined): void {
    const { directory, log, name } = this.#options;
    const redis = formatAddress(node.redis);
    const peer = node.peer === undefined ? undefined : formatAddress(node.peer);
    log.logger.log("info", "node ready", { redis, peer, directory, pid: process.pid });
    process.stdout.on("error", () => {});
    const peers = peer === undefined ? "no peers" : `peers on ${peer}`;
    const place = directory === undefined ? "in memory" : `data in ${directory}`;
    process.stdout.write(`${name} serves Redis clients on ${redis} (${peers}, process ${process.pid}, ${place}).\n`);
    if (attachment === undefined) return;
    attachment.send({ type: "ready", redis });
    reportRole(node, attachment);
  }
}

/**
 * Ends the process at once, with one line that says why. That the peers refuse a node is like any other refusal, though
 * it comes later.
 */
function endProcess(code: number, reason: string): never {
  try {
    writeSync(2, `coterie: ${reason}\n`);
  } catch {
    // Nobody reads standard error; the exit code still says it.
  }
  process.exit(code === nodeExitCode.refused ? exitCode.refused : code);
}

/** Tells the demo of every change of role. */
function reportRole(node: HostedNode, attachment: DemoAttachment): void {
  let told = "";
  const timer = setInterval(() => {
    const role = node.role();
    const text = JSON.stringify(role);
    if (told === text) return;
    told = text;
    attachment.send({ type: "role", ...role });
  }, rolePollMs);
  timer.unref();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
