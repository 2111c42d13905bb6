/** The nodes of a fixed cluster as `--peers` names them: `n1=127.0.0.1:17001,n2=[::1]:17002,n3=db3.internal:17003`. */
import { isHost, isNodeName, nodesMax } from "./argument.ts";
import { UsageError } from "./refusal.ts";

export interface Peer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

const form = "n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003";

/** The peers in the order of their names. */
export function parsePeers(text: string): readonly Peer[] {
  const peers = text.split(",").map((part) => parsePeer(part.trim()));
  if (peers.length > nodesMax) throw new UsageError(`--peers names ${peers.length} nodes; at most ${nodesMax} vote.`);
  const names = new Set<string>();
  const addresses = new Map<string, string>();
  for (const peer of peers) {
    if (names.has(peer.name)) throw new UsageError(`--peers names "${peer.name}" twice. Every node has its own name.`);
    names.add(peer.name);
    const address = formatAddress(peer);
    const other = addresses.get(address);
    if (other !== undefined)
      throw new UsageError(`--peers gives ${address} to both "${other}" and "${peer.name}". Every node has its own.`);
    addresses.set(address, peer.name);
  }
  return peers.toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** As `parsePeers` reads it. */
export function formatPeers(peers: readonly Peer[]): string {
  return peers.map((peer) => `${peer.name}=${formatAddress(peer)}`).join(",");
}

/** "host:port", with brackets around an IPv6 address. */
export function formatAddress(address: { readonly host: string; readonly port: number }): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function parsePeer(text: string): Peer {
  const match = /^([^=]+)=(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const name = match?.[1] ?? "";
  const host = match?.[2] ?? match?.[3] ?? "";
  const port = Number(match?.[4]);
  if (isNodeName(name) && isHost(host) && port >= 1 && port <= 65_535) return { name, host, port };
  throw new UsageError(`--peers cannot be read at "${text}". It lists every node as name=host:port, such as ${form}.`);
}
