import { ByteReader, ByteWriter } from "../net/index.ts";
import { readUpdate, type Update } from "./update.ts";
import { readVariable, writeVariable } from "./wire.ts";

/** What a datagram is there for; news rides on all of them. */
export type Message =
  /** "Are you there?" To `to`, or to whoever lives at that address. */
  | { readonly kind: "ping"; readonly sequence: number; readonly from: number; readonly to: number }
  /** "I am." `from` is who was asked, also where somebody else passes it on. */
  | { readonly kind: "ack"; readonly sequence: number; readonly from: number }
  /** "Ask `to` for me." */
  | { readonly kind: "pingRequest"; readonly sequence: number; readonly from: number; readonly to: number }
  /** "I have asked, and heard nothing": this member at least is there, and so is the one who asked for it. */
  | { readonly kind: "nack"; readonly sequence: number; readonly from: number }
  /** News alone. */
  | { readonly kind: "news"; readonly from: number }
  /**
   * "This is the digest of my list; if yours differs, tell me all of it." To `to`, or to whoever lives there. One that
   * `isReturn` asks for no return.
   */
  | {
      readonly kind: "sync";
      readonly from: number;
      readonly digest: number;
      readonly isReturn: boolean;
    };

const kinds: readonly Message["kind"][] = ["ping", "ack", "pingRequest", "nack", "news", "sync"];

export interface Received {
  readonly message: Message;
  readonly updates: readonly Update[];
}

/** A datagram holds no more updates than its bytes allow, and no more than this. */
const updatesMax = 512;

const writer = new ByteWriter(2_048);
const reader = new ByteReader();

/** `updates` are encoded already. */
export function encodeMessage(message: Message, updates: readonly Uint8Array[]): Buffer {
  writer.at = writer.start;
  writer.u8(kinds.indexOf(message.kind));
  writeVariable(writer, message.from);
  switch (message.kind) {
    case "ping":
    case "pingRequest":
      writeVariable(writer, message.sequence);
      writeVariable(writer, message.to);
      break;
    case "ack":
    case "nack":
      writeVariable(writer, message.sequence);
      break;
    case "sync":
      writer.u32(message.digest);
      writer.u8(message.isReturn ? 1 : 0);
      break;
    case "news":
      break;
  }
  for (const update of updates) writer.raw(update);
  return writer.finish();
}

/** Undefined for what is no message. */
export function decodeMessage(body: Buffer): Received | undefined {
  reader.open(body, 0, body.length);
  const message = readMessage();
  const updates: Update[] = [];
  while (message !== undefined && !reader.isBad && reader.remainingBytes > 0 && updates.length < updatesMax) {
    updates.push(readUpdate(reader));
  }
  return message === undefined || !reader.isWhole() ? undefined : { message, updates };
}

function readMessage(): Message | undefined {
  const kind = kinds[reader.u8()];
  const from = readVariable(reader);
  switch (kind) {
    case "ping":
    case "pingRequest":
      return { kind, from, sequence: readVariable(reader), to: readVariable(reader) };
    case "ack":
    case "nack":
      return { kind, from, sequence: readVariable(reader) };
    case "sync":
      return { kind, from, digest: reader.u32(), isReturn: reader.boolean() };
    case "news":
      return { kind, from };
    default:
      return undefined;
  }
}
