/** A node with its Redis port, as one thing that is started and closed. */
import { join } from "node:path";
import type { Context } from "../channels/index.ts";
import { Node, type NodeAddress, type NodeOptions, type ReplicaView } from "../cluster/index.ts";
import { pictureMoves } from "../directory/index.ts";
import { HttpServer } from "../http/index.ts";
import { type Logger, NetworkError, type Platform, type SocketAddress } from "../platform/index.ts";
import { clusterAddressAttribute, ListenError, RedisServer } from "../server/index.ts";
import { clusterPortOf, httpPortOf } from "./argument.ts";
import type { Role } from "./demo-message.ts";
import { directoryError, readFileIfThere } from "./directory.ts";
import { portError, probePort } from "./free-port.ts";
import { joinCluster } from "./join-request.ts";
import { fieldsOf, parseObject } from "./json-object.ts";
import { formatAddress } from "./peer-list.ts";
import type { Settings } from "./settings.ts";
import type { StartPlan } from "./start-plan.ts";

export interface HostOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly name: string;
  /** Undefined: in memory. */
  readonly directory: string | undefined;
  readonly plan: StartPlan;
  readonly password: string | undefined;
  /** Ends when the process is to stop. */
  readonly context: Context;
  /** A client has sent `SHUTDOWN`. */
  readonly onShutdown: () => void;
}

export interface HostedNode {
  readonly redis: SocketAddress;
  /** Undefined for a node that has no address for peers, and listens for none. */
  readonly peer: SocketAddress | undefined;
  role(): NodeRole;
  /** Whether much comes and goes: what it holds is not all loaded yet, or the cluster's replicas move. */
  isBulky(): boolean;
  close(): Promise<void>;
}

/** What the node is in its shard's group. Of several shards: a leader if it leads one, with how many. */
export interface NodeRole {
  readonly role: Role;
  /** Of the only shard; 0 where there are several. */
  readonly term: number;
  readonly leads: number;
  readonly shards: number;
}

/** The name of the node whose directory this is; undefined if there is none yet. */
export function nodeNameIn(directory: string): string | undefined {
  return ownAddressIn(directory)?.name;
}

/** @throws what `Node.start` throws, PORT_UNAVAILABLE, DIRECTORY_UNUSABLE */
export async function hostNode(options: HostOptions): Promise<HostedNode> {
  const { logger, onShutdown, password, plan, platform } = options;
  const node = await startNode(options);
  try {
    const { bind: host, port, clusterPort = clusterPortOf(port), httpPort = httpPortOf(port) } = plan.settings;
    const server = await RedisServer.listen({
      platform,
      logger,
      node,
      host,
      port,
      clusterPort,
      ...(password === undefined ? {} : { password: byteString(password) }),
      shutdown: onShutdown,
    });
    node.setAttribute("redis", formatAddress(server.address));
    announceClusterPort(node, server);
    const http = await serveHttp(options, node, server, httpPort);
    node.setAttribute("http", formatAddress(http.address));
    return {
      redis: server.address,
      peer: node.peerAddress,
      role: () => roleOf(node),
      isBulky: () => node.isReplaying || pictureMoves(node.directoryState).length > 0,
      // The node first: it answers what is under way and refuses what comes, over connections that still stand.
      close: async () => {
        await node.close();
        await Promise.all([server.close(), http.close()]);
      },
    };
  } catch (error) {
    await node.close();
    throw error instanceof ListenError ? portError(error.address, redisPortCure, error.cause) : error;
  }
}

/** On the Redis port's host. */
async function serveHttp(
  { logger, password, plan }: HostOptions,
  node: Node,
  server: RedisServer,
  port: number,
): Promise<HttpServer> {
  try {
    return await HttpServer.listen({
      logger,
      node,
      figures: () => server.figures(),
      host: plan.settings.bind,
      port,
      password: password === undefined ? undefined : byteString(password),
    });
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** What clients send is bytes; the servers compare byte strings. */
function byteString(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** Where other machines' clients find the cluster port: an address for all of them stands for the one that peers dial. */
function announceClusterPort(node: Node, server: RedisServer): void {
  const { clusterAddress } = server;
  if (clusterAddress === undefined) return;
  const isAny = ["0.0.0.0", "::"].includes(clusterAddress.host);
  const host = isAny ? (node.peerAddress?.host ?? clusterAddress.host) : clusterAddress.host;
  node.setAttribute(clusterAddressAttribute, formatAddress({ host, port: clusterAddress.port }));
}

const redisPortCure = "Stop that program, or choose another --port (or --cluster-port, --http-port, --bind).";
const peerPortCure =
  "Stop that program, or give this node another address in --peers, on every node (--peer-port moves only where it listens, for ports that are forwarded).";

const joinerPortCure = "Stop that program, or choose another --port (the peers' is 10000 above it) or --peer-port.";

async function startNode(options: HostOptions): Promise<Node> {
  const { directory, logger, name, plan, platform } = options;
  const listen = listenAddress(options);
  try {
    return await Node.start({
      platform,
      logger,
      directory,
      name,
      peers: plan.peers,
      listen,
      secret: secretOf(options),
      shards: plan.shards,
      replicas: plan.replicas,
      address: plan.peerAddress,
      join: joinOf(options),
      zone: plan.zone,
      weight: plan.weight,
    });
  } catch (error) {
    if (error instanceof NetworkError && listen !== undefined) throw portError(listen, peerPortCure, error);
    throw directory === undefined ? error : directoryError(directory, error);
  }
}

/** A node that joins asks for so long, while nobody answers or can decide. */
const joinWaitMsMax = 60_000;

function joinOf(options: HostOptions): NodeOptions["join"] {
  const { context, logger, name, password, plan, platform } = options;
  if (plan.join === undefined) return undefined;
  const { random } = platform;
  const secret = secretOf(options);
  const { zone, weight } = plan;
  const asked = {
    ...plan.join,
    zone,
    weight,
    name,
    password,
    secret,
    waitMsMax: joinWaitMsMax,
    random,
    logger,
    context,
  };
  const { peer } = plan.join;
  return async (directoryId, known) => {
    if (known === undefined) {
      await probePorts(plan.settings, peer.port);
      return await joinCluster({ ...asked, clusterId: undefined }, directoryId);
    }
    const { clusterId, secret: kept, peerAddress = asked.peer } = known;
    return await joinCluster({ ...asked, clusterId, secret: kept, peer: peerAddress, waitMsMax: 0 }, directoryId);
  };
}

/** A port that is taken is better known before the cluster has taken the node in, and counts on it. */
async function probePorts(settings: Settings, peerPortUsual: number): Promise<void> {
  const { bind, port, peerBind = "127.0.0.1", peerPort = peerPortUsual } = settings;
  const { clusterPort = clusterPortOf(port), httpPort = httpPortOf(port) } = settings;
  for (const each of [port, clusterPort, httpPort]) await probePort({ host: bind, port: each }, redisPortCure);
  await probePort({ host: peerBind, port: peerPort }, joinerPortCure);
}

/** Undefined leaves it to the node: a secret that is remembered, or the one that every node on loopback can compute. */
function secretOf({ plan, platform }: HostOptions): string | undefined {
  const { secret } = plan;
  if (secret?.kind === "random") return Buffer.from(platform.random.bytes(32)).toString("hex");
  return secret?.kind === "given" ? secret.text : undefined;
}

/** Where to listen for peers: at the node's own address among them, unless the settings say otherwise. */
function listenAddress({ directory, name, plan }: HostOptions): SocketAddress | undefined {
  const own: NodeAddress | undefined =
    plan.peers?.find((peer) => peer.name === name) ??
    (plan.peerAddress === undefined ? undefined : { name, ...plan.peerAddress }) ??
    (directory === undefined ? undefined : ownAddressIn(directory));
  const host = plan.settings.peerBind ?? own?.host ?? "";
  return host === "" ? undefined : { host, port: plan.settings.peerPort ?? own?.port ?? plan.join?.peer.port ?? 0 };
}

/** Asked ten times a second, so without the figures that `info()` gathers. */
function roleOf(node: Node): NodeRole {
  const { hostedShards, shardCount } = node;
  const roles = hostedShards.map((shard) => replicaRole(node.replicaOf(shard)));
  const counts = { leads: roles.filter((role) => role === "leader").length, shards: shardCount };
  const [first] = hostedShards;
  if (shardCount === 1 && first !== undefined)
    return { role: roleNamed(replicaRole(node.replicaOf(first))), term: node.replicaOf(first).core.term, ...counts };
  // Somebody who cannot serve them all yet, here or elsewhere, is no follower.
  const isServing = node.isEachShardLed && !roles.includes("stopped");
  return { role: isServing ? (counts.leads > 0 ? "leader" : "follower") : "candidate", term: 0, ...counts };
}

function replicaRole({ core, stoppedBecause }: ReplicaView): string {
  if (stoppedBecause !== undefined) return "stopped";
  return core.configuration.voters.includes(core.id) ? core.role : "learner";
}

function roleNamed(name: string): Role {
  const role = name === "preCandidate" ? "candidate" : name;
  const isKnown = role === "leader" || role === "follower" || role === "candidate" || role === "stopped";
  return isKnown ? role : "unknown";
}

/** What `node.json` says of the node itself. Whether the file is sound is for the node to judge. */
function ownAddressIn(directory: string): NodeAddress | undefined {
  const text = readFileIfThere(join(directory, "node.json"));
  if (text === undefined) return undefined;
  const { name, nodeId, names, addresses } = parseObject(text) ?? {};
  if (typeof name !== "string") return { name: "", host: "", port: 0 };
  // A node that joined stands under its number: its name may be that of a first node that is gone.
  const isFirst = typeof nodeId !== "number" || (Array.isArray(names) && names[nodeId - 1] === name);
  const { host, port } = fieldsOf(fieldsOf(addresses)[isFirst ? name : `#${nodeId}`]);
  return { name, host: typeof host === "string" ? host : "", port: typeof port === "number" ? port : 0 };
}
