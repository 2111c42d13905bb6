/**
 * The messages by which commands go from a client's node to the leader, and their replies back (DESIGN §4). The commands
 * of one client connection form a *stream* within a leader's term, numbered from 1: the leader accepts only the next
 * number, and answers in the order of the numbers.
 *
 * ```
 * forward         u53 stream | u53 number | u53 group | u53 term | u8 protocol | words
 * forwardReply    u53 stream | u53 number | u53 index | u8 whether it comes over bulk | the reply as RESP
 * forwardRefusal  u53 stream | u53 number               from this number on nothing was proposed
 * forwardEnd      u53 stream                            the client's node has no more use for it
 * forwardCredit   u53 stream | u53 bytes                so much of the replies' text the client has taken so far
 * ```
 */
import { type ByteReader, ByteWriter, type PeerLink } from "../../net/index.ts";
import type { LogIndex, Term } from "../../raft/index.ts";
import type { RespVersion } from "../../resp/index.ts";
import { messageType } from "../peers/message-type.ts";

/** Where a command of a stream belongs. */
export interface ForwardHeader {
  readonly stream: number;
  readonly number: number;
  readonly group: number;
  readonly term: Term;
  readonly protocol: RespVersion;
}

/** What a reply says besides its text. */
export interface ReplyHeader {
  readonly stream: number;
  readonly number: number;
  /** Of the entry that holds the stream's last write so far; 0 before one. */
  readonly index: LogIndex;
}

export interface ForwardReply extends ReplyHeader {
  /** The reply as RESP; undefined: it comes over the bulk connection. */
  readonly text: string | undefined;
}

const forwardHeaderBytes = 33;
const replyHeaderBytes = 24;

export function sendForward(link: PeerLink, header: ForwardHeader, words: Buffer): void {
  const out = link.begin(messageType.forward, forwardHeaderBytes + words.length);
  writeForwardHeader(out, header);
  out.raw(words);
  link.end();
}

/** For a command that goes over the bulk connection. */
export function forwardHeader(header: ForwardHeader): Buffer {
  const out = new ByteWriter(forwardHeaderBytes);
  writeForwardHeader(out, header);
  return out.finish();
}

function writeForwardHeader(out: ByteWriter, header: ForwardHeader): void {
  out.integer(header.stream);
  out.integer(header.number);
  out.integer(header.group);
  out.integer(header.term);
  out.u8(header.protocol);
}

/** The words follow. Undefined if it is none. */
export function readForwardHeader(input: ByteReader): ForwardHeader | undefined {
  const stream = input.integer();
  const number = input.integer();
  const group = input.integer();
  const term = input.integer();
  const protocol = input.u8();
  if (input.isBad || (protocol !== 2 && protocol !== 3)) return undefined;
  return { stream, number, group, term, protocol };
}

export function sendForwardReply(link: PeerLink, reply: ForwardReply): void {
  const { text } = reply;
  const out = link.begin(messageType.forwardReply, replyHeaderBytes + 1 + (text?.length ?? 0));
  writeReplyHeader(out, reply);
  out.u8(text === undefined ? 1 : 0);
  if (text !== undefined) out.rawText(text);
  link.end();
}

/** For a reply that comes over the bulk connection. */
export function replyHeader(header: ReplyHeader): Buffer {
  const out = new ByteWriter(replyHeaderBytes);
  writeReplyHeader(out, header);
  return out.finish();
}

function writeReplyHeader(out: ByteWriter, header: ReplyHeader): void {
  out.integer(header.stream);
  out.integer(header.number);
  out.integer(header.index);
}

/** The text, or the mark that it comes over bulk, follows. Undefined if it is none. */
export function readReplyHeader(input: ByteReader): ReplyHeader | undefined {
  const stream = input.integer();
  const number = input.integer();
  const index = input.integer();
  return input.isBad ? undefined : { stream, number, index };
}

export function readForwardReply(input: ByteReader): ForwardReply | undefined {
  const header = readReplyHeader(input);
  const isBulk = input.boolean();
  if (header === undefined || input.isBad) return undefined;
  return { ...header, text: isBulk ? undefined : restOf(input) };
}

/** What is left of a message, as a byte string. */
export function restOf(input: ByteReader): string {
  const from = input.skip(input.remainingBytes);
  return input.buffer.latin1Slice(from, input.end);
}

export function sendForwardRefusal(link: PeerLink, stream: number, number: number): void {
  const out = link.begin(messageType.forwardRefusal, 16);
  out.integer(stream);
  out.integer(number);
  link.end();
}

export function sendForwardCredit(link: PeerLink, stream: number, takenBytes: number): void {
  const out = link.begin(messageType.forwardCredit, 16);
  out.integer(stream);
  out.integer(takenBytes);
  link.end();
}

export function sendForwardEnd(link: PeerLink, stream: number): void {
  link.begin(messageType.forwardEnd, 8).integer(stream);
  link.end();
}
