import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { ask, askInfo } from "./ask.ts";
import type { Child } from "./children.ts";
import { freePort } from "./ports.ts";
import { loopback, type Premises, type System } from "./system.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * A primary and two replicas, each with `appendonly yes` and `appendfsync always`. The append-only file is never
 * rewritten during a run, and full synchronisation does not wait for more replicas: both in favour of Redis.
 */
export async function startReplicatedRedis(premises: Premises): Promise<System> {
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];
  const quickly = ["--repl-diskless-sync-delay", "0"];
  const primary = await startServer(premises, "redis-primary", [...durable, ...quickly]);
  const replicaOf = ["--replicaof", `${loopback} ${primary.port}`];
  const replicas = [
    await startServer(premises, "redis-replica-1", [...durable, ...replicaOf]),
    await startServer(premises, "redis-replica-2", [...durable, ...replicaOf]),
  ];
  for (const replica of replicas) {
    const isLinked = async (): Promise<boolean> =>
      (await askInfo(replica.port, "replication")).get("master_link_status") === "up";
    await waitUntil("a Redis replica to be in step", isLinked, { child: replica.child });
  }
  await waitUntil(
    "both Redis replicas to acknowledge",
    async () => (await ask(primary.port, ["WAIT", "2", "1000"])) === 2,
  );
  return systemOf(premises, [primary, ...replicas]);
}

/** One server without persistence and without replicas. */
export async function startVolatileRedis(premises: Premises): Promise<System> {
  return systemOf(premises, [await startServer(premises, "redis-volatile", ["--appendonly", "no"])]);
}

interface RedisServer {
  readonly child: Child;
  readonly port: number;
}

async function startServer(premises: Premises, name: string, settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const directory = mkdtempSync(join(premises.directory, `${name}-`));
  const child = await premises.children.start({
    name,
    command: "redis-server",
    args: [
      "--port",
      String(port),
      "--bind",
      loopback,
      "--dir",
      directory,
      "--save",
      "",
      "--daemonize",
      "no",
      ...settings,
    ],
    logDirectory: premises.directory,
  });
  await waitUntil(`${name} to answer`, async () => (await ask(port, ["PING"])) === "PONG", { child });
  return { child, port };
}

function systemOf(premises: Premises, servers: readonly RedisServer[]): System {
  const targets = servers.map(({ port }) => ({ host: loopback, port }));
  return {
    pids: servers.map(({ child }) => child.pid),
    targets,
    leader: () => Promise.resolve(targets[0]!),
    stop: async () => {
      await Promise.all(servers.map(({ child }) => premises.children.stop(child)));
    },
  };
}
