/**
 * How two nodes come to trust one connection:
 *
 * ```
 * dialler                                   acceptor
 *   HELLO    version, purpose, identity, question, nonce  ->
 *            <-  WELCOME  identity, answer, question, nonce, proof
 *   PROOF    answer, proof                                ->
 *            <-  READY
 * ```
 *
 * A question is the start of the other side that was seen last; the answer, which incarnation that run was. A node on an
 * old copy of its directory does not know what it has been since, however often it has been started.
 *
 * A proof is an HMAC-SHA-256 with the cluster's secret over both sides' words and both nonces, and names the role of
 * the one who gives it: it serves in this connection only and cannot be sent back to its author. Either side may answer
 * REFUSED instead, with a code, a sentence that names the cure, and a proof of its own where it can: a node stops only
 * on a refusal by somebody who knows the secret. Each word is a frame of its own: `u8 kind | u16 length | payload`.
 *
 * Versions: a node speaks a range of them. The dialler says one in its first word, whose form no version changes, its newest one at
 * first; who does not speak that refuses with WRONG_VERSION, and the dialler tries the one before (`peer.ts`). So two
 * nodes speak the newest version that both know, and one that knows an older version as well can take its place while
 * nodes of that version run.
 *
 * The checksums of the frames behind the handshake are seeded from the same secret and nonces (`frame.ts`).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type LinkKind, linkKinds } from "./link-kind.ts";
import {
  type EarlierRun,
  type PeerIdentity,
  type Refusal,
  readEarlierRun,
  readIdentity,
  refusalCode,
  writeEarlierRun,
  writeIdentity,
} from "./peer-identity.ts";

/** Versions of the peer protocol, both included. */
export interface ProtocolVersions {
  readonly min: number;
  readonly max: number;
}

/**
 * What this program speaks. A new kind of message, or another form of one, is a new version, and is sent over links of that
 * version alone (`PeerLink.version`). The oldest goes only when no release that is upgraded from speaks nothing newer.
 */
export const protocolVersions: ProtocolVersions = { min: 4, max: 7 };

const magic = 0x50_54_4f_43;
const nonceBytes = 32;
const proofBytes = 32;
const wordHeaderBytes = 3;
/** No word of a handshake is longer. */
const wordBytesMax = 2048;

/** Characters of a refusal's sentence that go over: each may take three bytes. */
const refusalTextMax = 600;

const helloKind = 1;
const welcomeKind = 2;
const proofKind = 3;
const readyKind = 4;
const refusedKind = 5;

/** What a connection is for: to carry one kind of messages, or only to tell the other side where to dial. */
export type LinkPurpose = LinkKind | "introduction";

export interface HandshakeOptions {
  readonly own: PeerIdentity;
  readonly secret: Uint8Array;
  /** 32 random bytes, never used again. */
  readonly nonce: Uint8Array;
  /** What this side speaks. Default {@link protocolVersions}. */
  readonly versions?: ProtocolVersions;
  /** The dialler's: the version that it says, of those. Default: the newest. */
  readonly version?: number;
  /** The dialler's: whom it dials. */
  readonly expectedNodeId?: number;
  /** Which start of a node was seen last; 0: none. */
  readonly startSeen: (nodeId: number) => number;
  /** Which incarnation a run of this node was; undefined: it does not know. */
  readonly incarnationOf: (start: number) => Uint8Array | undefined;
  /** Judges the other side once its proof holds: undefined lets it in. `earlier` is its answer to our question. */
  readonly admit: (peer: PeerIdentity, earlier: EarlierRun) => Refusal | undefined;
}

export type HandshakeOutcome =
  | { readonly kind: "pending" }
  | {
      readonly kind: "done";
      readonly peer: PeerIdentity;
      readonly purpose: LinkPurpose;
      /** Of the protocol: what both sides speak from now on. */
      readonly version: number;
      readonly sendSeed: number;
      readonly receiveSeed: number;
      /** How many bytes of the last chunk belonged to the handshake. */
      readonly consumedBytes: number;
    }
  /** We refuse the other side: send what there is to send, then close. */
  | { readonly kind: "refusing"; readonly peer: PeerIdentity | undefined; readonly refusal: Refusal }
  /** The other side refuses us; `isProven` says whether it knows the secret. */
  | {
      readonly kind: "refused";
      readonly peer: PeerIdentity | undefined;
      readonly refusal: Refusal;
      readonly isProven: boolean;
    }
  /** Not a peer, or one that breaks the protocol. */
  | { readonly kind: "broken"; readonly reason: string };

const pending: HandshakeOutcome = { kind: "pending" };

type Role = "dialler" | "acceptor";

/** One side of a handshake. What it has to say collects in `takeOutput`. */
export class Handshake {
  constructor(role: Role, purpose: LinkPurpose | undefined, options: HandshakeOptions) {
    this.#role = role;
    this.#options = options;
    this.#purpose = purpose;
    this.#versions = options.versions ?? protocolVersions;
    this.#version = options.version ?? this.#versions.max;
    this.#expected = role === "dialler" ? welcomeKind : helloKind;
    if (role === "dialler") this.#hello = this.#say(helloKind, (out) => this.#writeHello(out));
  }

  /** Bytes to send now; empty if there are none. */
  takeOutput(): Buffer {
    const output = this.#output.finish();
    this.#output = new ByteWriter();
    return output;
  }

  feed(chunk: Uint8Array): HandshakeOutcome {
    let at = 0;
    while (at < chunk.length) {
      at = this.#take(chunk, at, wordHeaderBytes);
      if (this.#input.at < wordHeaderBytes) return pending;
      const wordBytes = wordHeaderBytes + this.#input.buffer.readUInt16LE(1);
      if (wordBytes > wordBytesMax) return { kind: "broken", reason: "not a peer" };
      at = this.#take(chunk, at, wordBytes);
      if (this.#input.at < wordBytes) return pending;
      const outcome = this.#hear(this.#input.finish(), at);
      if (outcome.kind !== "pending") return outcome;
      this.#input = new ByteWriter();
    }
    return pending;
  }

  readonly #role: Role;
  readonly #options: HandshakeOptions;
  readonly #versions: ProtocolVersions;
  #version: number;
  #purpose: LinkPurpose | undefined;
  #expected: number;
  #input: ByteWriter = new ByteWriter();
  #output: ByteWriter = new ByteWriter();
  /** The payloads that both proofs cover. */
  #hello: Buffer = Buffer.alloc(0);
  #welcome: Buffer = Buffer.alloc(0);
  #peer: PeerIdentity | undefined;
  /** What the dialler's proof covers besides: its answer. */
  #answer: Buffer = Buffer.alloc(0);

  /** Moves bytes of the chunk to the word under way until that has `wordBytes`. Returns where the chunk goes on. */
  #take(chunk: Uint8Array, at: number, wordBytes: number): number {
    const end = Math.max(at, Math.min(chunk.length, at + wordBytes - this.#input.at));
    this.#input.raw(chunk.subarray(at, end));
    return end;
  }

  #hear(word: Buffer, consumedBytes: number): HandshakeOutcome {
    const kind = word[0] as number;
    const payload = word.subarray(wordHeaderBytes);
    if (kind === refusedKind) return this.#hearRefused(payload);
    if (kind !== this.#expected) return { kind: "broken", reason: "an unexpected word in the handshake" };
    if (kind === helloKind) return this.#hearHello(payload);
    if (kind === welcomeKind) return this.#hearWelcome(payload);
    if (kind === proofKind) return this.#hearProof(payload, consumedBytes);
    return this.#done(consumedBytes);
  }

  #hearHello(payload: Buffer): HandshakeOutcome {
    const input = readerOf(payload);
    if (input.u32() !== magic || input.isBad) return { kind: "broken", reason: "not a peer" };
    const version = input.u8();
    const { min, max } = this.#versions;
    if (version < min || version > max) {
      const own = min === max ? `version ${max}` : `versions ${min} to ${max}`;
      const text = `this node speaks ${own} of the peer protocol, not ${version}: run versions of Coterie that go together.`;
      return this.#refuse({ code: "WRONG_VERSION", text });
    }
    this.#version = version;
    const purposeCode = input.u8();
    this.#purpose = purposeCode === linkKinds.length ? "introduction" : linkKinds[purposeCode];
    const peer = readIdentity(input);
    const question = input.integer();
    input.skip(nonceBytes);
    if (!input.isWhole() || peer === undefined || this.#purpose === undefined)
      return { kind: "broken", reason: "a malformed hello" };
    this.#peer = peer;
    this.#hello = payload;
    this.#welcome = this.#welcomePayload(peer, question);
    this.#say(welcomeKind, (out) => {
      out.raw(this.#welcome);
      out.raw(this.#proof("acceptor"));
    });
    this.#expected = proofKind;
    return pending;
  }

  #hearWelcome(payload: Buffer): HandshakeOutcome {
    const input = readerOf(payload);
    const peer = readIdentity(input);
    const earlier = readEarlierRun(input);
    const question = input.integer();
    input.skip(nonceBytes);
    this.#welcome = payload.subarray(0, input.at);
    const proof = input.raw(proofBytes);
    if (!input.isWhole() || peer === undefined) return { kind: "broken", reason: "a malformed welcome" };
    this.#peer = peer;
    if (!timingSafeEqual(proof, this.#proof("acceptor"))) return this.#refuse(wrongSecret);
    const refusal = this.#options.admit(peer, earlier);
    if (refusal !== undefined) return this.#refuse(refusal);
    const answer = new ByteWriter();
    this.#writeAnswer(answer, question);
    this.#answer = answer.finish();
    this.#say(proofKind, (out) => {
      out.raw(this.#answer);
      out.raw(this.#proof("dialler"));
    });
    this.#expected = readyKind;
    return pending;
  }

  #hearProof(payload: Buffer, consumedBytes: number): HandshakeOutcome {
    const input = readerOf(payload);
    const earlier = readEarlierRun(input);
    this.#answer = payload.subarray(0, input.at);
    const proof = input.raw(proofBytes);
    if (!input.isWhole() || !timingSafeEqual(proof, this.#proof("dialler"))) return this.#refuse(wrongSecret);
    const refusal = this.#options.admit(this.#peer as PeerIdentity, earlier);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#say(readyKind, () => {});
    return this.#done(consumedBytes);
  }

  #hearRefused(payload: Buffer): HandshakeOutcome {
    const input = readerOf(payload);
    const codeText = input.text();
    const text = input.text();
    const proof = input.raw(proofBytes);
    const code = refusalCode(codeText);
    if (!input.isWhole() || code === undefined) return { kind: "broken", reason: "a malformed refusal" };
    const isProven = timingSafeEqual(proof, this.#refusalProof(otherRole(this.#role), { code, text }));
    return { kind: "refused", peer: this.#peer, refusal: { code, text }, isProven };
  }

  #done(consumedBytes: number): HandshakeOutcome {
    const key = this.#mac("session").digest();
    const isDialler = this.#role === "dialler";
    return {
      kind: "done",
      peer: this.#peer as PeerIdentity,
      purpose: this.#purpose as LinkPurpose,
      version: this.#version,
      sendSeed: key.readUInt32LE(isDialler ? 0 : 4),
      receiveSeed: key.readUInt32LE(isDialler ? 4 : 0),
      consumedBytes,
    };
  }

  #refuse({ code, text }: Refusal): HandshakeOutcome {
    const refusal: Refusal = { code, text: text.slice(0, refusalTextMax) };
    this.#say(refusedKind, (out) => {
      out.text(refusal.code);
      out.text(refusal.text);
      out.raw(this.#refusalProof(this.#role, refusal));
    });
    return { kind: "refusing", peer: this.#peer, refusal };
  }

  #writeHello(out: ByteWriter): void {
    const { own, nonce, expectedNodeId, startSeen } = this.#options;
    out.u32(magic);
    out.u8(this.#version);
    out.u8(this.#purpose === "introduction" ? linkKinds.length : linkKinds.indexOf(this.#purpose as LinkKind));
    writeIdentity(out, own);
    out.integer(expectedNodeId === undefined ? 0 : startSeen(expectedNodeId));
    out.raw(nonce);
  }

  #welcomePayload(peer: PeerIdentity, question: number): Buffer {
    const { own, nonce, startSeen } = this.#options;
    const out = new ByteWriter();
    writeIdentity(out, own);
    this.#writeAnswer(out, question);
    out.integer(startSeen(peer.nodeId));
    out.raw(nonce);
    return out.finish();
  }

  #writeAnswer(out: ByteWriter, start: number): void {
    writeEarlierRun(out, { start, incarnation: this.#options.incarnationOf(start) });
  }

  /** Adds a word to the output and returns its payload. */
  #say(kind: number, write: (out: ByteWriter) => void): Buffer {
    const payload = new ByteWriter();
    write(payload);
    const bytes = payload.finish();
    this.#output.u8(kind);
    this.#output.u16(bytes.length);
    this.#output.raw(bytes);
    return bytes;
  }

  #proof(role: Role): Buffer {
    return this.#mac(role).digest();
  }

  #refusalProof(role: Role, refusal: Refusal): Buffer {
    return this.#mac(`refusal ${role}`).update(`${refusal.code}\0${refusal.text}`).digest();
  }

  #mac(label: string): ReturnType<typeof createHmac> {
    const mac = createHmac("sha256", this.#options.secret).update(`coterie peer ${label}\0`);
    return mac.update(this.#hello).update(this.#welcome).update(this.#answer);
  }
}

const wrongSecret: Refusal = {
  code: "WRONG_SECRET",
  text: "the nodes do not hold the same cluster secret: give every node of a cluster the same one.",
};

function otherRole(role: Role): Role {
  return role === "dialler" ? "acceptor" : "dialler";
}

function readerOf(payload: Buffer): ByteReader {
  const input = new ByteReader();
  input.open(payload, 0, payload.length);
  return input;
}
