/** Parses what stands behind a flag, once, into what the rest of the command works with. */
import type { LogLevel, SocketAddress } from "../platform/index.ts";
import { replicasMax, shardsMax } from "../ring/index.ts";
import { UsageError } from "./refusal.ts";

/** More voters make every write slower and no failure likelier to be survived. */
export const nodesMax = 9;

const portMax = 65_535;

const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A whole number within a range, both ends included. */
export function parseWhole(flag: string, range: { readonly min: number; readonly max: number }, text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw new UsageError(`${flag} takes a whole number from ${range.min} to ${range.max}, not "${text}".`);
}

/** A port to listen on; 0 takes any free one. */
export function parsePort(flag: string): (text: string) => number {
  return (text) => parseWhole(flag, { min: 0, max: portMax }, text);
}

/** A port to connect to. */
export function parseRemotePort(flag: string): (text: string) => number {
  return (text) => parseWhole(flag, { min: 1, max: portMax }, text);
}

/** How many nodes a demo has. */
export function parseNodeCount(text: string): number {
  return parseWhole("--nodes", { min: 1, max: nodesMax }, text);
}

export function parseShardCount(text: string): number {
  return parseWhole("--shards", { min: 1, max: shardsMax }, text);
}

/** How many replicas each shard has, as far as there are nodes. */
export function parseReplicaCount(text: string): number {
  return parseWhole("--replicas", { min: 1, max: replicasMax }, text);
}

/** What a node is to carry beside others. */
export function parseWeight(text: string): number {
  return parseWhole("--weight", { min: 1, max: 10_000 }, text);
}

/** Nodes of one zone may fail together. */
export function parseZone(text: string): string {
  if (isNodeName(text)) return text;
  throw new UsageError(
    `"${text}" is no name for a zone. Take letters, digits, ".", "_" and "-" (at most 63), beginning with a letter or a digit, such as "east".`,
  );
}

/** An address to connect to: "db1.internal:7001", "[::1]:7001". */
export function parseAddress(flag: string): (text: string) => SocketAddress {
  return (text) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
    const host = match?.[1] ?? match?.[2] ?? "";
    const port = Number(match?.[3]);
    if (isHost(host) && port >= 1 && port <= portMax) return { host, port };
    throw new UsageError(`${flag} takes host:port, such as 127.0.0.1:7001, not "${text}".`);
  };
}

/** The name of a node: letters, digits, ".", "_" and "-", beginning with a letter or a digit. */
export function parseNodeName(text: string): string {
  if (isNodeName(text)) return text;
  throw new UsageError(
    `"${text}" is no name for a node. Take letters, digits, ".", "_" and "-" (at most 63), beginning with a letter or a digit, such as "n1".`,
  );
}

export function isNodeName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text);
}

export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (level !== undefined) return level;
  throw new UsageError(`--log-level takes ${logLevels.join(", ")}, not "${text}".`);
}

/** An address or a host name, without a port. */
export function parseHost(flag: string): (text: string) => string {
  return (text) => {
    if (isHost(text)) return text;
    throw new UsageError(`${flag} takes an address or a host name without a port, not "${text}".`);
  };
}

export function isHost(text: string): boolean {
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/.test(text) || (text.includes(":") && /^[0-9a-fA-F:.]{2,45}$/.test(text));
}

/** The cluster port that belongs to a Redis port, unless one is given. */
export function clusterPortOf(port: number): number {
  if (port === 0) return 0;
  const clusterPort = port + 100;
  if (clusterPort <= portMax) return clusterPort;
  throw new UsageError(
    `Cluster clients would meet on port ${clusterPort} (--port ${port} + 100), which is past ${portMax}. Take a lower --port, or give --cluster-port.`,
  );
}

/** The HTTP port that belongs to a Redis port, unless one is given. */
export function httpPortOf(port: number): number {
  if (port === 0) return 0;
  const httpPort = port + 1_000;
  if (httpPort <= portMax) return httpPort;
  throw new UsageError(
    `HTTP would be on port ${httpPort} (--port ${port} + 1000), which is past ${portMax}. Take a lower --port, or give --http-port.`,
  );
}

/** The port of the peers that belongs to a Redis port, unless one is given. */
export function peerPortOf(port: number): number {
  if (port === 0) return 0;
  const peerPort = port + 10_000;
  if (peerPort <= portMax) return peerPort;
  throw new UsageError(
    `Peers would meet on port ${peerPort} (--port ${port} + 10000), which is past ${portMax}. Take a --port of at most ${portMax - 10_000}, or give --peer-port.`,
  );
}
