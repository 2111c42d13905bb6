import { InvalidArgumentError } from "../channels/index.ts";
import type { SocketAddress } from "../platform/index.ts";

/**
 * What a member is thought to be. Of two claims about one member the one with the higher incarnation counts, and at the same
 * incarnation the one that stands further down here (SWIM §4.2). Only the member itself raises its incarnation, and only it
 * says that it left.
 */
export type MemberState = "alive" | "suspect" | "dead" | "left";

export const memberStates: readonly MemberState[] = ["alive", "suspect", "dead", "left"];

/** Where something of a member can be reached. */
export interface MemberAddress extends SocketAddress {
  /** What for, in a word of at most 16 bytes: "peer", "redis", "http". */
  readonly use: string;
}

/** At most so many of them. */
export const addressesMax = 6;

/** What a member says of itself. It travels in one datagram with other news, and is bounded therefore. */
export interface MemberDetails {
  /** At most 64 bytes of UTF-8. */
  readonly name: string;
  /** At most 64 bytes of UTF-8; empty: none. */
  readonly zone: string;
  /** From 1 to 10,000. */
  readonly weight: number;
  /** Where it takes datagrams; the host has at most 64 bytes. */
  readonly address: SocketAddress;
  /** At most six. */
  readonly addresses: readonly MemberAddress[];
}

export interface Member extends MemberDetails {
  /** A safe integer, not negative, that belongs to the member for ever. */
  readonly id: number;
  /** Raised by the member itself at each start and whenever it has to contradict somebody. */
  readonly incarnation: number;
  readonly state: MemberState;
}

/** Who was said to lead a shard, and in which term. */
export interface LeaderHint {
  /** From 0 to 65,535. */
  readonly shard: number;
  readonly term: number;
  readonly leader: number;
}

/** What a member gets to know, in the order in which it does. */
export type GossipEvent =
  /** It was not known, or was dead or gone, and is there. */
  | { readonly type: "joined"; readonly member: Member }
  /** It says something else of itself. */
  | { readonly type: "updated"; readonly member: Member }
  /** It did not answer somebody. */
  | { readonly type: "suspected"; readonly member: Member }
  /** It contradicted the suspicion. */
  | { readonly type: "trusted"; readonly member: Member }
  /** It did not contradict in time. A hint, no proof: nothing may be decided by it alone. */
  | { readonly type: "died"; readonly member: Member }
  /** It said that it goes. */
  | { readonly type: "left"; readonly member: Member }
  /** A shard has a leader in a higher term than was known. */
  | { readonly type: "leader"; readonly hint: LeaderHint };

export const nameBytesMax = 64;
export const hostBytesMax = 64;
export const useBytesMax = 16;
export const memberWeightMax = 10_000;
export const shardNumberMax = 65_535;
const portMax = 65_535;

/** The rule that `details` break, in words; undefined if they keep all. */
export function faultIn(details: MemberDetails): string | undefined {
  const { name, zone, weight, address, addresses } = details;
  if (Buffer.byteLength(name) > nameBytesMax) return `the name has more than ${nameBytesMax} bytes`;
  if (Buffer.byteLength(zone) > nameBytesMax) return `the zone has more than ${nameBytesMax} bytes`;
  if (!Number.isInteger(weight) || weight < 1 || weight > memberWeightMax) {
    return `the weight is ${weight}; it must be a whole number from 1 to ${memberWeightMax}`;
  }
  if (addresses.length > addressesMax) return `there are more than ${addressesMax} addresses`;
  for (const each of addresses) {
    const fault = faultInUse(each);
    if (fault !== undefined) return fault;
  }
  return faultInAddress(address);
}

/** Whether it is one that a member can tell. */
export function isMemberAddress(address: MemberAddress): boolean {
  return faultInUse(address) === undefined;
}

function faultInUse(address: MemberAddress): string | undefined {
  const { use } = address;
  if (Buffer.byteLength(use) > useBytesMax) return `the use ${JSON.stringify(use)} has more than ${useBytesMax} bytes`;
  return faultInAddress(address);
}

function faultInAddress({ host, port }: SocketAddress): string | undefined {
  const hostBytes = Buffer.byteLength(host);
  if (hostBytes === 0 || hostBytes > hostBytesMax)
    return `a host has from 1 to ${hostBytesMax} bytes, not ${hostBytes}`;
  if (!Number.isInteger(port) || port < 1 || port > portMax) return `a port is from 1 to ${portMax}, not ${port}`;
  return undefined;
}

/** @throws InvalidArgumentError (INVALID_ARGUMENT) */
export function checkDetails(details: MemberDetails): void {
  const fault = faultIn(details);
  if (fault !== undefined) throw new InvalidArgumentError(`what a member says of itself cannot be sent: ${fault}`);
}

/** @throws InvalidArgumentError (INVALID_ARGUMENT) */
export function checkHint({ shard, term, leader }: LeaderHint): void {
  checkWhole("shard", shard, shardNumberMax);
  checkWhole("term", term, Number.MAX_SAFE_INTEGER);
  checkWhole("leader", leader, Number.MAX_SAFE_INTEGER);
}

/** @throws InvalidArgumentError (INVALID_ARGUMENT) */
export function checkWhole(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new InvalidArgumentError(`${name} is ${value}; it must be a whole number from 0 to ${most}`);
}

export function isSameDetails(a: MemberDetails, b: MemberDetails): boolean {
  return (
    a.name === b.name &&
    a.zone === b.zone &&
    a.weight === b.weight &&
    isSameAddress(a.address, b.address) &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, at) => {
      const other = b.addresses[at];
      return other !== undefined && address.use === other.use && isSameAddress(address, other);
    })
  );
}

export function isSameAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && a.host === b.host;
}
