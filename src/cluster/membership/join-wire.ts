/**
 * What a node that joins and a node of the cluster say to each other on the Redis port, and how each proves that it knows
 * the cluster's secret without showing it:
 *
 * ```
 * joiner                                             node of the cluster
 *   COTERIE JOIN HELLO   version, nonce                 ->
 *                                                      <-  greeting
 *   COTERIE JOIN REQUEST request, proof                 ->
 *                                                      <-  grant, proof
 * ```
 *
 * A proof is an HMAC-SHA-256 with the secret over both nonces and the words that it stands for, and names the role of the
 * one who gives it. The joiner proves first: whoever only reaches the port learns nothing to try secrets against. Greeting,
 * request and grant are JSON texts of ASCII characters alone; none of it is secret. A nonce of the cluster is good for one
 * request.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { isFirstReplicaCount } from "../../directory/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { shardsMax } from "../../ring/index.ts";
import { entriesOf, isCount, isHex, isNameList, isNodeId, parseAddressFields, parseObject } from "./json-fields.ts";
import type { Member } from "./member.ts";
import { parseMember } from "./node-record.ts";

/** Changes when these words do: who speaks another one is told so. */
export const joinProtocolVersion = 1;

/** 64 hexadecimal digits. */
export const joinNonceBytes = 32;

/** What the cluster's node says first. */
export interface JoinGreeting {
  /** The cluster's. */
  readonly nonce: string;
  /** The cluster has no secret, and its first nodes have these names: what is proven with follows from them. */
  readonly openNames: readonly string[] | undefined;
}

/** What a node that joins says of itself. */
export interface JoinRequest {
  /** 32 hexadecimal digits: of the joiner's directory on disk. Asked again with the same one, the answer is the same. */
  readonly directoryId: string;
  readonly name: string;
  /** Where it will take its peers' connections; undefined if it does not know yet. */
  readonly peerAddress: SocketAddress | undefined;
  /** Nodes that may fail together; undefined: as the cluster knows it, or a zone of its own. */
  readonly zone: string | undefined;
  /** What it is to carry beside others, from 1 to 10,000; undefined: as the cluster knows it, or what is usual. */
  readonly weight: number | undefined;
  /** Of the cluster whose node it is already, and whose others it cannot find; undefined: it is a node of none. */
  readonly clusterId: string | undefined;
}

/** What a node needs to know to be one of the cluster. */
export interface JoinGrant {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  /** The joiner's number. */
  readonly nodeId: number;
  /** What the cluster began with. */
  readonly names: readonly string[];
  readonly shardCount: number;
  readonly replicaCount: number;
  /** All nodes, the joiner included, with their addresses as far as they are known. */
  readonly members: readonly Member[];
}

export interface JoinNonces {
  readonly joiner: string;
  readonly cluster: string;
}

export function requestProof(secret: string, { joiner, cluster }: JoinNonces, request: string): string {
  return proof(secret, ["request", joiner, cluster, request]);
}

/** Covers the request as well: it is the answer to this one. */
export function grantProof(secret: string, nonces: JoinNonces, request: string, grant: string): string {
  return proof(secret, ["grant", nonces.joiner, nonces.cluster, request, grant]);
}

/** In a time that tells nothing. */
export function isSameProof(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left, "utf8"), Buffer.from(right, "utf8")];
  return one.length === other.length && timingSafeEqual(one, other);
}

export function isJoinNonce(text: string): boolean {
  return isHex(text, 2 * joinNonceBytes);
}

export function formatJoinGreeting(greeting: JoinGreeting): string {
  return asciiJson(greeting);
}

/** Undefined if it makes no sense. */
export function parseJoinGreeting(text: string): JoinGreeting | undefined {
  const { nonce, openNames } = parseObject(text) ?? {};
  if (typeof nonce !== "string" || !isJoinNonce(nonce)) return undefined;
  if (openNames !== undefined && !isNameList(openNames)) return undefined;
  return { nonce, openNames };
}

export function formatJoinRequest(request: JoinRequest): string {
  return asciiJson(request);
}

/** Undefined if it makes no sense. */
export function parseJoinRequest(text: string): JoinRequest | undefined {
  const { directoryId, name, zone, weight, peerAddress, clusterId } = parseObject(text) ?? {};
  if (!isHex(directoryId, 32) || typeof name !== "string") return undefined;
  if (zone !== undefined && typeof zone !== "string") return undefined;
  if (weight !== undefined && !isCount(weight)) return undefined;
  if (clusterId !== undefined && !isHex(clusterId, 32)) return undefined;
  return { directoryId, name, zone, weight, clusterId, peerAddress: parseAddressFields(peerAddress) };
}

export function formatJoinGrant(grant: JoinGrant): string {
  return asciiJson(grant);
}

/** Undefined if it makes no sense, or is not meant for whoever asked so. */
export function parseJoinGrant(text: string, { directoryId, name }: JoinRequest): JoinGrant | undefined {
  const { clusterId, nodeId, names, shardCount, replicaCount, members } = parseObject(text) ?? {};
  if (!isHex(clusterId, 32) || !isNameList(names) || !isNodeId(nodeId)) return undefined;
  if (!isNodeId(shardCount) || shardCount > shardsMax) return undefined;
  if (!isNodeId(replicaCount) || !isFirstReplicaCount(replicaCount, names.length)) return undefined;
  const known = entriesOf(members).flatMap(([, fields]) => parseMember(fields) ?? []);
  const own = known.find((member) => member.id === nodeId);
  if (own?.directoryId !== directoryId || own.name !== name || own.state === "removed") return undefined;
  return { clusterId, nodeId, names, shardCount, replicaCount, members: known };
}

/** The same on every path, whatever that makes of bytes. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Each word with its length, so that no two lists of words have the same text. */
function proof(secret: string, words: readonly string[]): string {
  const mac = createHmac("sha256", secret).update("coterie join\0");
  for (const word of words) mac.update(`${Buffer.byteLength(word)}:`).update(word);
  return mac.digest("hex");
}
