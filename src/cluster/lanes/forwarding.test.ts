import { expect, test } from "vitest";
import { ByteReader, ByteWriter, type PeerLink, type PeerLinks } from "../../net/index.ts";
import { Arguments } from "../../resp/index.ts";
import { packWords } from "../replica/words.ts";
import { nodeSettings } from "../settings.ts";
import { BulkSender, commandTransfer } from "./bulk.ts";
import { forwardHeader } from "./forward-wire.ts";
import { Forwarding } from "./forwarding.ts";

const peer = { nodeId: 2, name: "n2" };

/** One side of a connection: what is sent over it, and whether it was closed. */
class FakeLink {
  readonly kind: "data" | "bulk";
  readonly peer = peer;
  readonly isUp = true;
  readonly queuedBytes = 0;
  readonly sent: Buffer[] = [];
  closedBecause: string | undefined;
  #out = new ByteWriter();

  constructor(kind: "data" | "bulk") {
    this.kind = kind;
  }

  get link(): PeerLink {
    return this as unknown as PeerLink;
  }

  begin(): ByteWriter {
    this.#out = new ByteWriter();
    return this.#out;
  }

  end(): void {
    this.sent.push(this.#out.finish());
  }

  close(reason: string): void {
    this.closedBecause = reason;
  }
}

/** A node without replicas, which refuses each command; `up`: its connections. */
function setting(assembledBytesMax = 1_000_000) {
  const up = new Map<string, FakeLink>();
  const links = { link: (_nodeId: number, kind: string) => up.get(kind)?.link };
  const forwarding = new Forwarding({
    links: () => links as unknown as PeerLinks,
    replica: () => undefined,
    settings: { ...nodeSettings(), assembledBytesMax },
    onOutput: () => {},
  });
  const connect = (kind: "data" | "bulk"): FakeLink => {
    const link = new FakeLink(kind);
    up.set(kind, link);
    forwarding.linkUp(link.link);
    return link;
  };
  const isTaken = (piece: Buffer): boolean => {
    const input = new ByteReader();
    input.open(piece, 0, piece.length);
    return forwarding.receiveBulk(up.get("bulk")?.link as PeerLink, input);
  };
  return { up, forwarding, connect, isTaken };
}

/** A large command of a stream, as its pieces come over the bulk connection. */
function piecesOf(stream: number, bytes: number): readonly Buffer[] {
  const from = new FakeLink("bulk");
  const sender = new BulkSender(() => from.link);
  const words = packWords(Arguments.of(["SET", "key", "x".repeat(bytes)]));
  sender.add(commandTransfer, forwardHeader({ stream, number: 1, group: 1, term: 4, protocol: 2 }), words);
  sender.pump();
  return from.sent;
}

function streamsAnswered({ sent }: FakeLink): readonly number[] {
  return sent.map((message) => {
    const input = new ByteReader();
    input.open(message, 0, message.length);
    return input.integer();
  });
}

test("a large command that comes before its data connection is up here is not lost [R-10]", () => {
  const { connect, isTaken } = setting();
  connect("bulk");
  for (const stream of [7, 8]) expect(piecesOf(stream, 300_000).every(isTaken)).toBe(true);
  const data = connect("data");
  expect(streamsAnswered(data)).toEqual([7, 8]);
  expect(piecesOf(9, 10).every(isTaken)).toBe(true);
  expect(streamsAnswered(data)).toEqual([7, 8, 9]);
  // Each once.
  expect(streamsAnswered(connect("data"))).toEqual([]);
});

test("what has come before the data connection goes with the bulk connection, and is bounded", () => {
  const { up, forwarding, connect, isTaken } = setting(200_000);
  const bulk = connect("bulk");
  expect(piecesOf(7, 150_000).every(isTaken)).toBe(true);
  forwarding.linkDown(bulk.link);
  expect(bulk.closedBecause).toContain("lost");
  up.clear();
  connect("bulk");
  expect(streamsAnswered(connect("data"))).toEqual([]);
  up.delete("data");
  const taken = [10, 11, 12].map((stream) => piecesOf(stream, 150_000).every(isTaken));
  expect(taken).toEqual([true, true, false]);
});
