import type { ByteReader, ByteWriter } from "../net/index.ts";
import {
  addressesMax,
  faultIn,
  hostBytesMax,
  type LeaderHint,
  type MemberAddress,
  type MemberDetails,
  nameBytesMax,
  shardNumberMax,
  useBytesMax,
} from "./member.ts";
import { readShortText, readVariable, writeShortText, writeVariable } from "./wire.ts";

/** One piece of news, as it rides on datagrams. */
export type Update =
  | {
      readonly kind: "alive";
      readonly id: number;
      readonly incarnation: number;
      readonly details: MemberDetails;
    }
  | {
      readonly kind: "suspect" | "dead" | "left";
      readonly id: number;
      readonly incarnation: number;
      /** Who says so. */
      readonly by: number;
    }
  | ({ readonly kind: "leader" } & LeaderHint);

const kinds: readonly Update["kind"][] = ["alive", "suspect", "dead", "left", "leader"];

/** Higher ones are malformed, so that a member can always go above what is claimed of it. */
export const incarnationMax: number = 2 ** 48;

export function writeUpdate(writer: ByteWriter, update: Update): void {
  writer.u8(kinds.indexOf(update.kind));
  if (update.kind === "leader") {
    writeVariable(writer, update.shard);
    writeVariable(writer, update.term);
    writeVariable(writer, update.leader);
    return;
  }
  writeVariable(writer, update.id);
  writeVariable(writer, update.incarnation);
  if (update.kind === "alive") writeDetails(writer, update.details);
  else writeVariable(writer, update.by);
}

/** Whatever comes: what is no update sets `reader.isBad`, and the result means nothing. */
export function readUpdate(reader: ByteReader): Update {
  const kind = kinds[reader.u8()];
  const first = readVariable(reader);
  const second = readVariable(reader);
  if (kind === "leader") {
    if (first > shardNumberMax) reader.isBad = true;
    return { kind, shard: first, term: second, leader: readVariable(reader) };
  }
  if (kind === "alive") {
    if (second > incarnationMax) reader.isBad = true;
    return { kind, id: first, incarnation: second, details: readDetails(reader) };
  }
  const by = readVariable(reader);
  // That a member has left it says itself, or it is not so.
  if (kind === undefined || (kind === "left" && by !== first) || second > incarnationMax) reader.isBad = true;
  return { kind: kind ?? "suspect", id: first, incarnation: second, by };
}

function writeDetails(writer: ByteWriter, { name, zone, weight, address, addresses }: MemberDetails): void {
  writeShortText(writer, name);
  writeShortText(writer, zone);
  writer.u16(weight);
  writeShortText(writer, address.host);
  writer.u16(address.port);
  writer.u8(addresses.length);
  for (const { use, host, port } of addresses) {
    writeShortText(writer, use);
    writeShortText(writer, host);
    writer.u16(port);
  }
}

function readDetails(reader: ByteReader): MemberDetails {
  const name = readShortText(reader, nameBytesMax);
  const zone = readShortText(reader, nameBytesMax);
  const weight = reader.u16();
  const address = { host: readShortText(reader, hostBytesMax), port: reader.u16() };
  const count = reader.u8();
  if (count > addressesMax) reader.isBad = true;
  const addresses: MemberAddress[] = [];
  for (let at = 0; at < count && !reader.isBad; at++) {
    const use = readShortText(reader, useBytesMax);
    addresses.push({ use, host: readShortText(reader, hostBytesMax), port: reader.u16() });
  }
  const details = { name, zone, weight, address, addresses };
  if (!reader.isBad && faultIn(details) !== undefined) reader.isBad = true;
  return details;
}
