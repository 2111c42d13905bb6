/** `CLUSTER`, `READONLY`, `READWRITE`, `ASKING`: what Redis Cluster's clients ask on the cluster port. */
import { createHash } from "node:crypto";
import type { Topology, TopologyNode, TopologyShard } from "../cluster/index.ts";
import { type Arguments, ErrorReply, MapReply, ok, type Reply, VerbatimReply } from "../resp/index.ts";
import { hashSlotOfText, slotCount } from "../ring/index.ts";
import { clusterAddressAttribute } from "./cluster-door.ts";
import type { ServerCommandName } from "./command-facts.ts";
import type { Connection } from "./connection.ts";
import { helpCommand, type ServerCommand, serverCommand } from "./server-command.ts";

/** Redis' nodes talk to each other on this much above their port; so much its clients want to read. */
const busPortOffset = 10_000;

/** A node with its address for cluster clients, if that is known. */
interface ClusterNode extends TopologyNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

interface Picture {
  readonly nodes: readonly ClusterNode[];
  readonly shards: readonly TopologyShard[];
}

/** A node's name in Redis' form: 40 hexadecimal digits. */
function idOf({ clusterId }: Topology, name: string): string {
  return createHash("sha1").update(`${clusterId}\0${name}`).digest("hex");
}

function pictureOf({ context }: Connection): Picture {
  const topology = context.node.topology();
  const nodes = topology.nodes.map((node) => {
    const { host, port } = addressOf(node.attributes[clusterAddressAttribute]);
    return { ...node, id: idOf(topology, node.name), host, port };
  });
  return { nodes, shards: topology.shards };
}

/** "host:port", with brackets around a host that has colons. */
function addressOf(text: string | undefined): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text ?? "") ?? [];
  return { host: bracketed ?? plain ?? "", port: Number(port ?? 0) };
}

/**
 * Whom clients are to ask for a shard's keys: its leader. While that is not known, or not to be reached, another replica,
 * this node's own if it has one: it keeps commands until there is a leader again. Clients know no slot without anybody to
 * ask: node-redis fails with a `TypeError`, and looks at no table again before it is redirected. A node that stops sends
 * clients to others to its end: node-redis forgets whoever is not in the last table that it saw.
 */
function headOf({ nodes }: Picture, { leader, replicas }: TopologyShard): ClusterNode | undefined {
  const known = nodes.filter(({ host }) => host !== "");
  const isThere = ({ nodeId, isUp }: ClusterNode): boolean => isUp && replicas.includes(nodeId);
  return (
    known.find((node) => node.nodeId === leader && node.isUp) ??
    known.find((node) => node.isSelf && isThere(node)) ??
    known.find(isThere) ??
    known.find(({ isSelf, isUp }) => isSelf && isUp) ??
    known.find(({ isUp }) => isUp) ??
    known.find(({ isSelf }) => isSelf)
  );
}

/** The head first, then the other replicas; without those whose addresses are not known. */
function replicasOf(picture: Picture, shard: TopologyShard): readonly ClusterNode[] {
  const head = headOf(picture, shard);
  if (head === undefined) return [];
  const others = picture.nodes.filter(
    (node) => node !== head && node.host !== "" && shard.replicas.includes(node.nodeId),
  );
  return [head, ...others];
}

function slots(connection: Connection): Reply {
  const picture = pictureOf(connection);
  const metadata: Reply = connection.protocol === 3 ? new MapReply([]) : [];
  return picture.shards.map((shard) => [
    shard.slots.first,
    shard.slots.last,
    ...replicasOf(picture, shard).map(({ host, port, id }): Reply => [host, port, id, metadata]),
  ]);
}

function shards(connection: Connection): Reply {
  const picture = pictureOf(connection);
  return picture.shards.map((shard) => {
    const nodes = replicasOf(picture, shard).map(({ id, host, port, isUp }, at) => {
      const role = at === 0 ? "master" : "replica";
      const health = isUp ? "online" : "failed";
      const fields = ["id", id, "port", port, "ip", host, "endpoint", host, "role", role];
      return new MapReply([...fields, "replication-offset", 0, "health", health]);
    });
    return new MapReply(["slots", [shard.slots.first, shard.slots.last], "nodes", nodes]);
  });
}

/** A node is a master if it is the head of a shard; one that is of none is shown as a replica of one that is. */
function nodeLine(picture: Picture, node: ClusterNode): string {
  const led = picture.shards.filter((shard) => headOf(picture, shard) === node);
  const [first] = picture.shards;
  const master = first === undefined ? undefined : headOf(picture, first);
  const role = led.length > 0 || master === undefined ? ["master"] : ["slave"];
  const flags = [
    ...(node.isSelf ? ["myself"] : []),
    ...role,
    ...(node.isUp ? [] : ["fail"]),
    ...(node.host === "" ? ["noaddr"] : []),
  ];
  const epoch = Math.max(0, ...led.map(({ term }) => term));
  const ranges = led.map(({ slots: { first, last } }) => (first === last ? `${first}` : `${first}-${last}`));
  return [
    node.id,
    `${node.host}:${node.port}@${node.port === 0 ? 0 : node.port + busPortOffset}`,
    flags.join(),
    role[0] === "slave" ? master?.id : "-",
    "0",
    "0",
    String(epoch),
    node.isUp ? "connected" : "disconnected",
    ...ranges,
  ].join(" ");
}

function nodes(connection: Connection): Reply {
  const picture = pictureOf(connection);
  const lines = picture.nodes.map((node) => `${nodeLine(picture, node)}\n`);
  return new VerbatimReply("txt", lines.join(""));
}

function info(connection: Connection): Reply {
  const { nodes: all, shards: every } = pictureOf(connection);
  const sizeOf = ({ slots: { first, last } }: TopologyShard): number => last - first + 1;
  const sum = (list: readonly TopologyShard[]): number => list.reduce((total, shard) => total + sizeOf(shard), 0);
  const led = every.filter(({ leader }) => leader !== undefined);
  const isOk = led.length === every.length;
  const own = all.find(({ isSelf }) => isSelf)?.nodeId;
  const epoch = (list: readonly TopologyShard[]): number => Math.max(0, ...list.map(({ term }) => term));
  const fields: Readonly<Record<string, string | number>> = {
    cluster_state: isOk ? "ok" : "fail",
    cluster_slots_assigned: slotCount,
    cluster_slots_ok: sum(led),
    cluster_slots_pfail: 0,
    cluster_slots_fail: slotCount - sum(led),
    cluster_known_nodes: all.length,
    cluster_size: new Set(led.map(({ leader }) => leader)).size,
    cluster_current_epoch: epoch(every),
    cluster_my_epoch: epoch(every.filter(({ leader }) => leader === own)),
    cluster_stats_messages_sent: 0,
    cluster_stats_messages_received: 0,
    total_cluster_links_buffer_limit_exceeded: 0,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`);
  return new VerbatimReply("txt", lines.join(""));
}

function myId(connection: Connection): Reply {
  return pictureOf(connection).nodes.find(({ isSelf }) => isSelf)?.id ?? null;
}

function replicas(connection: Connection, args: Arguments): Reply {
  const picture = pictureOf(connection);
  const master = picture.nodes.find(({ id }) => id === args.text(2));
  if (master === undefined) return new ErrorReply(`ERR Unknown node ${args.text(2)}`);
  if (!picture.shards.some((shard) => headOf(picture, shard) === master))
    return new ErrorReply("ERR The specified node is not a master");
  const lines = picture.nodes.map((node) => nodeLine(picture, node));
  return lines.filter((line) => line.split(" ")[3] === master.id);
}

/** What operators of Redis do with slots and nodes, and here nobody has to. */
const placingNames = [
  "addslots",
  "addslotsrange",
  "bumpepoch",
  "delslots",
  "delslotsrange",
  "failover",
  "flushslots",
  "forget",
  "meet",
  "replicate",
  "reset",
  "saveconfig",
  "set-config-epoch",
  "setslot",
] as const;

function placing(name: (typeof placingNames)[number]): ServerCommand {
  const reply = new ErrorReply(
    `ERR CLUSTER ${name.toUpperCase()} is not for Coterie, which places slots and leaders by itself: nothing has changed.`,
  );
  const full: ServerCommandName = `cluster|${name}`;
  return serverCommand(full, () => reply);
}

const help = [
  "COUNTKEYSINSLOT <slot>",
  "    Return the number of keys in <slot>.",
  "GETKEYSINSLOT <slot> <count>",
  "    Return key names of a slot.",
  "INFO",
  "    Return information about the cluster.",
  "KEYSLOT <key>",
  "    Return the hash slot for <key>.",
  "LINKS",
  "    Return an empty list: there is no cluster bus.",
  "MYID",
  "    Return the node id.",
  "NODES",
  "    Return the cluster's nodes as this one sees them. Output format:",
  "    <id> <host:port@port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
  "REPLICAS <node-id>",
  "    Return the nodes that lead nothing, which are shown as replicas of <node-id>.",
  "SHARDS",
  "    Return the slot range of each shard, and its nodes.",
  "SLOTS",
  "    Return the slot ranges, and the nodes of each, the leader first.",
];

/** Only on the cluster port, see `Connection`. */
export const clusterCommands: readonly ServerCommand[] = [
  serverCommand("cluster", undefined, [
    serverCommand("cluster|count-failure-reports", () => 0),
    helpCommand("cluster|help", "CLUSTER", help),
    serverCommand("cluster|info", info),
    serverCommand("cluster|keyslot", (_connection, args) => hashSlotOfText(args.text(2))),
    serverCommand("cluster|links", () => []),
    serverCommand("cluster|myid", myId),
    serverCommand("cluster|nodes", nodes),
    serverCommand("cluster|replicas", replicas),
    serverCommand("cluster|shards", shards),
    serverCommand("cluster|slaves", replicas),
    serverCommand("cluster|slots", slots),
    ...placingNames.map(placing),
  ]),
  // Reads are linearizable at every node, so that there is nothing to allow; and no slot is ever half moved.
  serverCommand("readonly", (connection) => {
    connection.isReadOnly = true;
    return ok;
  }),
  serverCommand("readwrite", (connection) => {
    connection.isReadOnly = false;
    return ok;
  }),
  serverCommand("asking", () => ok),
];
