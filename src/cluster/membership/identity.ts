/** From what a node is told at its start to who it is. */
import { createHash, createHmac } from "node:crypto";
import { isLoopback, type SocketAddress } from "../../platform/index.ts";
import { IdentityError } from "../errors.ts";
import type { AskToJoin } from "./join-asking.ts";

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
  /** How many replicas each shard has, as far as there are nodes; fixed at the first start. Default: `replicasDefault`. */
  readonly replicaCount: number | undefined;
  /** 32 hexadecimal digits. Default: follows from the secret and the names. */
  readonly clusterId: string | undefined;
  /** Shared by all nodes of the cluster. */
  readonly secret: string | undefined;
  /** Where to listen for peers, if not at the node's own address among them. */
  readonly listenHost: string | undefined;
  /** Where peers reach a node that joined, and so stands in no list of `peers`. */
  readonly address: SocketAddress | undefined;
  /** Asks the cluster that the node is to join, with the id of its directory, until it has an answer. */
  readonly join: AskToJoin | undefined;
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
export function openHost(nodeCount: number, given: GivenIdentity): string | undefined {
  if (nodeCount < 2) return undefined;
  const hosts = (given.peers ?? []).map((peer) => peer.host);
  if (given.listenHost !== undefined) hosts.push(given.listenHost);
  if (given.address !== undefined) hosts.push(given.address.host);
  return hosts.find((host) => !isLoopback(host));
}

export function derivedClusterId(secret: string, names: readonly string[]): string {
  return createHmac("sha256", secret)
    .update(`cluster\0${names.join("\0")}`)
    .digest("hex")
    .slice(0, 32);
}

/** What all nodes of a cluster were told alike when it began. */
export interface ClusterShape {
  readonly names: readonly string[];
  readonly shardCount: number;
  readonly replicaCount: number;
}

/**
 * Eight bytes that tell one set of first names, one number of shards and one of replicas from another. One shard, and a
 * replica on every node, say nothing: as before there was a choice.
 */
export function shapeDigest({ names, shardCount, replicaCount }: ClusterShape): Uint8Array {
  const isEverywhere = replicaCount === Math.max(3, names.length);
  const shape = shardCount === 1 && isEverywhere ? [...names] : [...names, "", String(shardCount)];
  if (!isEverywhere) shape.push(String(replicaCount));
  return createHash("sha256").update(shape.join("\0")).digest().subarray(0, 8);
}
