import type { Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ErrorReply, ok, SimpleString } from "../../src/resp/index.ts";
import { cleanUp, portOf, Run } from "../cli/processes.ts";
import { undisturbed } from "./checking-client.ts";
import { eventually, ProcessCluster } from "./cluster.ts";
import { RespClient } from "./resp-client.ts";

const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await cleanUp();
});

async function connected(port: number): Promise<RespClient> {
  const client = await RespClient.connect(port);
  sockets.push(client.socket);
  return client;
}

async function infoNumber(client: RespClient, section: string, field: string): Promise<number> {
  const text = String(await client.request("INFO", section));
  return Number(new RegExp(`^${field}:(\\d+)`, "m").exec(text)?.[1]);
}

const clientCount = 5_000;

/** Writes and reads back; what surely did not happen, as on a machine too busy for its leader, is tried again. */
async function served(client: RespClient, at: number, round: number): Promise<void> {
  for (;;) {
    const [written, read] = await Promise.all(
      client.pipeline([
        ["SET", `many:${at}`, `${round}:${at}`],
        ["GET", `many:${at}`],
      ]),
    );
    const refused = [written, read].find((reply) => reply instanceof ErrorReply);
    if (refused === undefined) {
      expect([written, read]).toEqual([ok, `${round}:${at}`]);
      return;
    }
    expect(refused.text).toMatch(/did not happen/);
  }
}

test(`${clientCount} clients that come at once are all served, at little cost each, and disturb nobody`, async () => {
  const cluster = await ProcessCluster.start();
  const port = cluster.ports[0] ?? 0;
  const observer = await connected(port);
  const residentBytes = (): Promise<number> => infoNumber(observer, "memory", "used_memory_rss");
  const before = await residentBytes();
  await undisturbed(cluster.ports, async () => {
    const clients = await Promise.all(Array.from({ length: clientCount }, () => connected(port)));
    await eventually("all connections to be accepted", async () =>
      (await infoNumber(observer, "clients", "connected_clients")) >= clientCount ? true : undefined,
    );
    // About 8 KiB; a read buffer for each, to name what it must not be, would be 64 KiB.
    expect(((await residentBytes()) - before) / clientCount).toBeLessThan(32 * 1_024);
    for (let round = 0; round < 2; round++) {
      // By turns: the clients' own process has to keep up with the replies, on a busy machine too.
      for (let from = 0; from < clientCount; from += 250) {
        await Promise.all(clients.slice(from, from + 250).map((client, at) => served(client, from + at, round)));
      }
    }
    expect(((await residentBytes()) - before) / clientCount).toBeLessThan(48 * 1_024);
    for (const client of clients) client.close();
    await eventually("their connections to be forgotten", async () =>
      (await infoNumber(observer, "clients", "connected_clients")) < 100 ? true : undefined,
    );
  });
  expect(cluster.nodes.map(({ isRunning }) => isRunning)).toEqual([true, true, true]);
  for (const digests of await cluster.digests()) expect(new Set(digests).size).toBe(1);
}, 120_000);

test("clients beyond what the system has sockets for are told so, and the node goes on serving and logging", async () => {
  const node = new Run(
    ["demo", "--nodes", "1", "--json", "--port", "0", "--log-level", "error"],
    {},
    { openFilesMax: 300 },
  );
  const line = await node.output(({ stdout }) => /^(\{"nodes".*\})\n/.exec(stdout)?.[1]);
  const [{ redis }] = JSON.parse(line).nodes;
  const port = portOf(redis);
  const first = await connected(port);
  const [, most] = (await first.request("CONFIG", "GET", "maxclients")) as string[];
  expect(Number(most)).toBeLessThan(300);
  const clients = await Promise.all(Array.from({ length: 600 }, () => connected(port)));
  // Whoever is turned away hears why, if there is time to say it, and is disconnected.
  const replies = await Promise.all(clients.map((client) => client.request("PING")));
  expect(replies.filter((reply) => reply instanceof SimpleString)).toHaveLength(Number(most) - 1);
  for (const reply of replies) {
    if (reply instanceof ErrorReply) expect(reply.text).toBe("ERR max number of clients reached");
  }
  // More than goes into one file of the log.
  const value = "v".repeat(1_048_576);
  for (let round = 0; round < 70; round++) expect(await first.request("SET", "k", value)).toEqual(ok);
  for (const client of clients) client.close();
  await eventually("new clients to be served", async () => {
    const reply = await (await connected(port)).request("GET", "k");
    return reply === value ? true : undefined;
  });
  expect(node.child.exitCode).toBe(null);
}, 120_000);
