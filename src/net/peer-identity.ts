import type { SocketAddress } from "../platform/index.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** Who a node says it is, at each handshake. Its proof shows only that it knows the cluster's secret. */
export interface PeerIdentity {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** 8 bytes that differ for other sets of names, and other numbers of shards. */
  readonly shapeDigest: Uint8Array;
  readonly nodeId: number;
  readonly name: string;
  /** 16 random bytes from the node's first start: another directory has others. */
  readonly directoryId: Uint8Array;
  /** How often the node has been started. */
  readonly bootCounter: number;
  /** 16 random bytes of this run of the node: tells a connection made again from a second run with the same counter. */
  readonly incarnation: Uint8Array;
  /** Rises with every log segment. */
  readonly diskEpoch: number;
  /** Where the node listens for its peers at present. */
  readonly address: SocketAddress;
}

/** What the acceptor of a connection, or its dialler, tells the other before it hangs up. */
export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence with the cure, for the log of the one that is refused. */
  readonly text: string;
}

export type RefusalCode =
  /** It belongs to another cluster. */
  | "WRONG_CLUSTER"
  /** It was given other names of nodes. */
  | "WRONG_NAMES"
  /** Its name does not belong to its number. */
  | "WRONG_NODE"
  /** The one that refuses has not heard of it yet; it is to try again. */
  | "UNKNOWN_NODE"
  /** It was removed from the cluster, for good. */
  | "REMOVED"
  /** It lacks what it once knew: an empty, older or copied directory. */
  | "FORGOTTEN"
  /** Its proof is not of this cluster's secret. */
  | "WRONG_SECRET"
  /** It speaks another version of the protocol. */
  | "WRONG_VERSION"
  /** Another node was expected at this address; nobody is at fault. */
  | "NOT_EXPECTED";

const codes: readonly RefusalCode[] = [
  "WRONG_CLUSTER",
  "WRONG_NAMES",
  "WRONG_NODE",
  "UNKNOWN_NODE",
  "REMOVED",
  "FORGOTTEN",
  "WRONG_SECRET",
  "WRONG_VERSION",
  "NOT_EXPECTED",
];

export function refusalCode(text: string): RefusalCode | undefined {
  return codes.find((code) => code === text);
}

/** Longest name of a node and of a host, in bytes. */
const textBytesMax = 255;

export function writeIdentity(out: ByteWriter, identity: PeerIdentity): void {
  out.raw(identity.clusterId);
  out.raw(identity.shapeDigest);
  out.integer(identity.nodeId);
  out.text(identity.name);
  out.raw(identity.directoryId);
  out.integer(identity.bootCounter);
  out.raw(identity.incarnation);
  out.integer(identity.diskEpoch);
  out.text(identity.address.host);
  out.u16(identity.address.port);
}

/** Undefined if it cannot be one. */
export function readIdentity(input: ByteReader): PeerIdentity | undefined {
  const identity: PeerIdentity = {
    clusterId: input.raw(16),
    shapeDigest: input.raw(8),
    nodeId: input.integer(),
    name: input.text(),
    directoryId: input.raw(16),
    bootCounter: input.integer(),
    incarnation: input.raw(16),
    diskEpoch: input.integer(),
    address: { host: input.text(), port: input.u16() },
  };
  const isSane = identity.name.length <= textBytesMax && identity.address.host.length <= textBytesMax;
  return !input.isBad && isSane ? identity : undefined;
}

/** What a node answers when it is asked who it was at one of its starts. */
export interface EarlierRun {
  /** The start that it was asked for; 0: none. */
  readonly start: number;
  /** 16 bytes; undefined where its directory does not reach back so far. */
  readonly incarnation: Uint8Array | undefined;
}

export function writeEarlierRun(out: ByteWriter, { start, incarnation }: EarlierRun): void {
  out.integer(start);
  out.u8(incarnation === undefined ? 0 : 1);
  out.raw(incarnation ?? new Uint8Array(16));
}

/** Nothing sensible if the input is too short, which the input then says. */
export function readEarlierRun(input: ByteReader): EarlierRun {
  const start = input.integer();
  const isKnown = input.boolean();
  const incarnation = input.raw(16);
  return { start, incarnation: isKnown ? incarnation : undefined };
}
