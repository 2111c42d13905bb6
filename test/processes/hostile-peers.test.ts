import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { linkKinds } from "../../src/net/link-kind.ts";
import { SeededRandom } from "../../src/simulation/index.ts";
import { cleanUp } from "../cli/processes.ts";
import { undisturbed } from "./checking-client.ts";
import { eventually, hiddenHost, ProcessCluster } from "./cluster.ts";
import { HistoryLoad } from "./history-load.ts";
import { PeerProxy, type Recording, type Spoiler } from "./peer-proxy.ts";

const sockets: Socket[] = [];
const proxies: PeerProxy[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const proxy of proxies.splice(0)) proxy.close();
  await cleanUp();
});

/** Sends the parts one after the other and waits until the node ends the connection. */
function turnedAway(port: number, parts: readonly Buffer[], host = "127.0.0.1"): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.resume();
    for (const part of parts) socket.write(part);
  });
}

/** A cluster whose second node is reached by its peers through a proxy. */
async function proxied(): Promise<{ readonly cluster: ProcessCluster; readonly proxy: PeerProxy }> {
  const made: PeerProxy[] = [];
  const cluster = await ProcessCluster.start({
    hideSecond: async (port) => {
      made.push(await PeerProxy.listen({ host: hiddenHost, port }));
      proxies.push(...made);
    },
  });
  const [proxy] = made;
  if (proxy === undefined) throw new Error("there is no proxy");
  return { cluster, proxy };
}

async function rejectedCount(cluster: ProcessCluster, at: number): Promise<number> {
  const { nodes } = await cluster.status(cluster.nodes[at]);
  return nodes[at]?.status?.rejectedConnections ?? Number.NaN;
}

/** Recordings of connections on which peers have spoken behind the handshake. */
function spoken(proxy: PeerProxy): readonly Recording[] {
  return proxy.recordings.filter(({ fromDialler }) => fromDialler.length > 10);
}

/** All but introductions, by which a node only says that it is there: the purpose stands in the ninth byte. */
function links(proxy: PeerProxy): readonly Recording[] {
  return proxy.recordings.filter(({ fromDialler }) => (fromDialler[0]?.[8] ?? linkKinds.length) < linkKinds.length);
}

async function expectHealth(cluster: ProcessCluster): Promise<void> {
  expect(cluster.nodes.map(({ isRunning }) => isRunning)).toEqual([true, true, true]);
  expect(new Set(await cluster.digests()).size).toBe(1);
}

test("garbage on the peer port is turned away and disturbs nobody", async () => {
  const cluster = await ProcessCluster.start();
  const port = cluster.peerPorts[0] ?? 0;
  const random = new SeededRandom(7);
  const garbage: readonly Buffer[] = [
    Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    Buffer.from("*1\r\n$4\r\nPING\r\n"),
    Buffer.alloc(100_000, 0xff),
    Buffer.alloc(100_000),
    ...Array.from({ length: 40 }, (_, at) => Buffer.from(random.bytes(1 + at * 50))),
  ];
  const before = await rejectedCount(cluster, 0);
  await undisturbed(cluster.ports, async () => {
    // Some say nothing at all: they must not keep the others out, and do not stay.
    const silent = Array.from({ length: 100 }, () => turnedAway(port, []));
    await Promise.all(garbage.map((bytes) => turnedAway(port, [bytes])));
    await Promise.all(silent);
  });
  expect((await rejectedCount(cluster, 0)) - before).toBeGreaterThanOrEqual(100 + garbage.length);
  await expectHealth(cluster);
}, 120_000);

test("a recorded connection of a real peer that is played again is turned away, on either side", async () => {
  const { cluster, proxy } = await proxied();
  const realPort = cluster.peerPorts[1] ?? 0;
  await undisturbed(cluster.ports, async () => {
    const [recording] = await eventually("a conversation of peers", () =>
      spoken(proxy).length > 0 ? spoken(proxy) : undefined,
    );
    const said = [...(recording?.fromDialler ?? [])];
    const before = await rejectedCount(cluster, 1);
    const first = said.slice(0, 1);
    const replays = [said, [Buffer.concat(said)], said.slice(1), [...first, ...first], recording?.fromAcceptor ?? []];
    await Promise.all(replays.map((parts) => turnedAway(realPort, parts, hiddenHost)));
    expect((await rejectedCount(cluster, 1)) - before).toBeGreaterThanOrEqual(5);
  });
  // The other way round: whoever dials the node hears what it once said to others. Only that node is cut off by it.
  const history = new HistoryLoad({ ports: cluster.ports, clientCount: 6, replyTimeoutMs: 10_000 });
  history.start();
  proxy.impersonate(spoken(proxy)[0]?.fromAcceptor);
  proxy.breakAll();
  await eventually("the recording to be heard", () => (proxy.impostureCount >= 3 ? true : undefined));
  proxy.impersonate(undefined);
  proxy.breakAll();
  const heard = proxy.recordings.length;
  await eventually("the peers to be connected again", () =>
    proxy.recordings.slice(heard).filter(({ fromDialler }) => fromDialler.length > 10).length > 0 ? true : undefined,
  );
  await history.stop();
  expect(history.nonsense).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  await expectHealth(cluster);
}, 120_000);

const spoilers: readonly { readonly name: string; readonly spoil: Spoiler }[] = [
  { name: "sent twice", spoil: (bytes) => [bytes, bytes] },
  { name: "left out", spoil: () => [] },
  {
    name: "with a bit flipped",
    spoil: (bytes) => {
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(other.length - 1) ^ 4, other.length - 1);
      return [other];
    },
  },
];

test("frames between peers that are sent twice, left out or flipped on the way do no harm", async () => {
  const { cluster, proxy } = await proxied();
  const history = new HistoryLoad({ ports: cluster.ports, clientCount: 6, replyTimeoutMs: 10_000 });
  history.start();
  for (const { name, spoil } of [...spoilers, ...spoilers]) {
    const before = links(proxy).length;
    proxy.spoilNext(spoil);
    await eventually(`bytes ${name}`, () => (proxy.isSpoilt ? true : undefined));
    // A frame that is left out is seen by the next one on its connection, which may take long to come.
    if (name === "left out") continue;
    await eventually("the connection to be made anew", () => (links(proxy).length > before ? true : undefined));
  }
  await history.stop();
  expect(history.nonsense).toEqual([]);
  expect(history.verdicts()).toEqual([]);
  await expectHealth(cluster);
}, 120_000);
