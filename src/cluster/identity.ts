/** From what a node is told at its start to who it is. */
import { createHash, createHmac } from "node:crypto";
import { isLoopback, type SocketAddress } from "../platform/index.ts";
import { IdentityError } from "./errors.ts";

/** One node as the configuration names it. */
export interface NodeAddress extends SocketAddress {
  readonly name: string;
}

/** What a node may be told about itself. At its first start everything that it needs, later nothing, or new addresses. */
export interface GivenIdentity {
  readonly name: string | undefined;
  /** All nodes, its own entry included. Undefined at the first start: it is alone. */
  readonly peers: readonly NodeAddress[] | undefined;
  /** Over how many shards the keys are divided; fixed at the first start. Default 1. */
  readonly shardCount: number | undefined;
  /** 32 hexadecimal digits. Default: follows from the secret and the names. */
  readonly clusterId: string | undefined;
  /** Shared by all nodes of the cluster. */
  readonly secret: string | undefined;
  /** Where to listen for peers, if not at the node's own address among them. */
  readonly listenHost: string | undefined;
}

/** The names of `peers`, sorted. @throws IdentityError (IDENTITY) */
export function namesOf(name: string, peers: readonly NodeAddress[] | undefined): readonly string[] {
  if (peers === undefined) return [name];
  const names = peers.map((peer) => peer.name).toSorted();
  if (new Set(names).size !== names.length) throw new IdentityError(`A name stands twice among the peers: ${names}.`);
  if (!names.includes(name)) {
    throw new IdentityError(`The node is called ${name}, but the peers are ${names}: add its own entry.`);
  }
  return names;
}

/**
 * The secret of a cluster that was given none: everybody on this machine can compute it. Good enough where only programs
 * of this machine reach the nodes, see {@link openHost}.
 */
export function openSecret(names: readonly string[]): string {
  return createHash("sha256")
    .update(`coterie without a secret\0${names.join("\0")}`)
    .digest("hex");
}

/** An address of those given at which other machines reach the nodes; undefined if there is none, or only one node. */
export function openHost(names: readonly string[], given: GivenIdentity): string | undefined {
  if (names.length < 2) return undefined;
  const hosts = (given.peers ?? []).map((peer) => peer.host);
  if (given.listenHost !== undefined) hosts.push(given.listenHost);
  return hosts.find((host) => !isLoopback(host));
}

export function derivedClusterId(secret: string, names: readonly string[]): string {
  return createHmac("sha256", secret)
    .update(`cluster\0${names.join("\0")}`)
    .digest("hex")
    .slice(0, 32);
}

/** Eight bytes that tell one set of names, and one number of shards, from another. */
export function shapeDigest(names: readonly string[], shardCount: number): Uint8Array {
  const shape = shardCount === 1 ? names : [...names, "", String(shardCount)];
  return createHash("sha256").update(shape.join("\0")).digest().subarray(0, 8);
}
