/** Starts a node of a demo as a process, and says how a user would start it again. */
import { type ChildProcess, spawn } from "node:child_process";
import type { LogLevel } from "../platform/index.ts";
import { controlVariable, formatControlAddress } from "./demo-attachment.ts";
import type { ControlAddress } from "./demo-control.ts";
import type { DemoNode } from "./demo-node.ts";
import { quoteWord } from "./invocation.ts";
import type { Password } from "./password.ts";
import { formatPeers, type Peer } from "./peer-list.ts";

export interface SpawnOptions {
  /** Our own `bin/coterie`, absolute. */
  readonly binary: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly peers: readonly Peer[];
  readonly shards: number;
  readonly secret: string;
  readonly control: ControlAddress;
  readonly logLevel: LogLevel;
  readonly password: Password | undefined;
}

export function spawnNode(node: DemoNode, options: SpawnOptions): ChildProcess {
  const { binary, control, environment, logLevel, password, peers, secret, shards } = options;
  const { COTERIE_PASSWORD: _, ...rest } = environment;
  const words = [binary, "start", "--name", node.name, "--port", String(node.ports.redis), "--log-level", logLevel];
  words.push("--cluster-port", String(node.ports.cluster), "--http-port", String(node.ports.http));
  words.push(
    "--peers",
    formatPeers(peers),
    ...(node.directory === undefined ? ["--memory"] : ["--dir", node.directory]),
  );
  if (shards > 1) words.push("--shards", String(shards));
  if (password?.file !== undefined) words.push("--password-file", password.file);
  const secrets: Record<string, string> = {
    COTERIE_SECRET: secret,
    [controlVariable]: formatControlAddress(control),
  };
  if (password !== undefined && password.file === undefined) secrets.COTERIE_PASSWORD = password.text;
  return spawn(process.execPath, words, {
    // A group of its own: Ctrl-C is for the demo, which then stops its nodes in its own way.
    detached: true,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...rest, ...secrets },
  });
}

/** The command that brings a node back; undefined where nothing of it is left. */
export function restartCommand(command: string, node: DemoNode, password: Password | undefined): string | undefined {
  if (node.directory === undefined) return undefined;
  // The path of a password file is remembered in the node's directory; a password is not.
  const variable = password !== undefined && password.file === undefined ? "COTERIE_PASSWORD=… " : "";
  return `${variable}${command} start --dir ${quoteWord(node.directory)}`;
}
