import fc from "fast-check";
import { expect, test } from "vitest";
import { Handshake, type HandshakeOptions, type HandshakeOutcome, type LinkPurpose } from "./handshake.ts";
import type { PeerIdentity, Refusal } from "./peer-identity.ts";

function identity(nodeId: number): PeerIdentity {
  return {
    clusterId: new Uint8Array(16).fill(1),
    shapeDigest: new Uint8Array(8).fill(2),
    nodeId,
    name: `n${nodeId}`,
    directoryId: new Uint8Array(16).fill(9),
    bootCounter: 3,
    incarnation: new Uint8Array(16).fill(nodeId),
    diskEpoch: 4,
    address: { host: "127.0.0.1", port: 17_000 + nodeId },
  };
}

function side(nodeId: number, changes: Partial<HandshakeOptions> = {}): HandshakeOptions {
  const nonce = new Uint8Array(32).fill(nodeId + 100);
  return {
    own: identity(nodeId),
    secret: Buffer.from("secret"),
    nonce,
    startSeen: () => 0,
    incarnationOf: () => undefined,
    admit: () => undefined,
    ...changes,
  };
}

/** Runs both sides against each other, in pieces of `pieceBytes`; `tamper` may change what goes over. */
function shake(
  diallerOptions: HandshakeOptions,
  acceptorOptions: HandshakeOptions,
  options: {
    readonly purpose?: LinkPurpose;
    readonly pieceBytes?: number;
    readonly tamper?: (bytes: Buffer) => Buffer;
  } = {},
): { readonly dialler: HandshakeOutcome; readonly acceptor: HandshakeOutcome } {
  const { purpose = "data", pieceBytes = 10_000, tamper = (bytes) => bytes } = options;
  const dialler = new Handshake("dialler", purpose, diallerOptions);
  const acceptor = new Handshake("acceptor", undefined, acceptorOptions);
  const pass = (from: Handshake, to: Handshake): HandshakeOutcome => {
    const bytes = tamper(from.takeOutput());
    let outcome: HandshakeOutcome = { kind: "pending" };
    for (let at = 0; at < bytes.length && outcome.kind === "pending"; at += pieceBytes) {
      outcome = to.feed(bytes.subarray(at, at + pieceBytes));
    }
    return outcome;
  };
  let outcomes: { dialler: HandshakeOutcome; acceptor: HandshakeOutcome } = {
    dialler: { kind: "pending" },
    acceptor: { kind: "pending" },
  };
  for (let round = 0; round < 3; round++) {
    if (outcomes.acceptor.kind === "pending") outcomes = { ...outcomes, acceptor: pass(dialler, acceptor) };
    if (outcomes.dialler.kind === "pending") outcomes = { ...outcomes, dialler: pass(acceptor, dialler) };
  }
  return outcomes;
}

test("two nodes with one secret come to trust a connection, however it is cut", () => {
  for (const pieceBytes of [1, 2, 3, 50, 10_000]) {
    const { dialler, acceptor } = shake(side(1), side(2), { pieceBytes });
    if (dialler.kind !== "done" || acceptor.kind !== "done") throw new Error(`${dialler.kind}, ${acceptor.kind}`);
    expect(dialler.peer.name).toBe("n2");
    expect(acceptor.peer).toEqual({
      ...identity(1),
      clusterId: Buffer.alloc(16, 1),
      shapeDigest: Buffer.alloc(8, 2),
      directoryId: Buffer.alloc(16, 9),
      incarnation: Buffer.alloc(16, 1),
    });
    expect(acceptor.purpose).toBe("data");
    expect([dialler.sendSeed, dialler.receiveSeed]).toEqual([acceptor.receiveSeed, acceptor.sendSeed]);
    expect(dialler.sendSeed).not.toBe(dialler.receiveSeed);
  }
});

test("another nonce gives other seeds, so that nothing can be replayed", () => {
  const one = shake(side(1), side(2)).acceptor;
  const other = shake(side(1), side(2, { nonce: new Uint8Array(32).fill(9) })).acceptor;
  if (one.kind !== "done" || other.kind !== "done") throw new Error("not done");
  expect(one.receiveSeed).not.toBe(other.receiveSeed);
});

test("what a dialler said once does not open a second connection", () => {
  const words: Buffer[] = [];
  const tamper = (bytes: Buffer): Buffer => {
    words.push(bytes);
    return bytes;
  };
  shake(side(1), side(2), { tamper });
  const acceptor = new Handshake("acceptor", undefined, side(2, { nonce: new Uint8Array(32).fill(77) }));
  acceptor.feed(words[0] as Buffer);
  acceptor.takeOutput();
  expect(acceptor.feed(words[2] as Buffer)).toMatchObject({ kind: "refusing", refusal: { code: "WRONG_SECRET" } });
});

test("another secret is refused, and the refusal does not count as proven", () => {
  const { dialler, acceptor } = shake(side(1), side(2, { secret: Buffer.from("other") }));
  expect(dialler).toMatchObject({ kind: "refusing", refusal: { code: "WRONG_SECRET" } });
  expect(acceptor).toMatchObject({ kind: "refused", isProven: false });
});

test("each side asks who the other was at the start that it saw last, and judges by the answer [D-10]", () => {
  const heard: string[] = [];
  const asking = (nodeId: number, startSeen: number): HandshakeOptions =>
    side(nodeId, {
      expectedNodeId: 3 - nodeId,
      startSeen: (other) => (other === 3 - nodeId ? startSeen : 99),
      incarnationOf: (start) => (start < 10 ? new Uint8Array(16).fill(10 * nodeId + start) : undefined),
      admit: (peer, { start, incarnation }) => {
        heard.push(`${nodeId} of ${peer.name} at ${start}: ${incarnation?.at(0)}`);
        return undefined;
      },
    });
  expect(shake(asking(1, 7), asking(2, 12))).toMatchObject({ dialler: { kind: "done" }, acceptor: { kind: "done" } });
  expect(heard).toEqual(["1 of n2 at 7: 27", "2 of n1 at 12: undefined"]);
});

test("an answer that was changed on its way is not believed", () => {
  const told: unknown[] = [];
  const asking = (nodeId: number): HandshakeOptions =>
    side(nodeId, {
      expectedNodeId: 3 - nodeId,
      startSeen: () => 2,
      incarnationOf: () => new Uint8Array(16).fill(5),
      admit: (peer, earlier) => void told.push([peer.name, earlier]),
    });
  let count = 0;
  // The dialler's answer is at the beginning of its second word.
  const tamper = (bytes: Buffer): Buffer => {
    if (count++ === 2) bytes[3 + 8 + 1] = (bytes[3 + 8 + 1] as number) ^ 1;
    return bytes;
  };
  expect(shake(asking(1), asking(2), { tamper }).acceptor).toMatchObject({ kind: "refusing" });
  expect(told.map((each) => (each as [string])[0])).toEqual(["n2"]);
});

const forgotten: Refusal = { code: "FORGOTTEN", text: "the directory is empty: …" };

test("either side may refuse the other, with a reason that the other can believe", () => {
  const byAcceptor = shake(side(1), side(2, { admit: () => forgotten }));
  expect(byAcceptor.acceptor).toMatchObject({ kind: "refusing", refusal: forgotten, peer: { name: "n1" } });
  expect(byAcceptor.dialler).toMatchObject({
    kind: "refused",
    refusal: forgotten,
    isProven: true,
    peer: { name: "n2" },
  });
  const byDialler = shake(side(1, { admit: () => forgotten }), side(2));
  expect(byDialler.dialler).toMatchObject({ kind: "refusing", peer: { name: "n2" } });
  expect(byDialler.acceptor).toMatchObject({
    kind: "refused",
    refusal: forgotten,
    isProven: true,
    peer: { name: "n1" },
  });
});

test("a changed byte anywhere never ends in trust between the wrong ones", () => {
  fc.assert(
    fc.property(fc.nat(2), fc.nat(), fc.integer({ min: 1, max: 255 }), (word, where, flip) => {
      let count = 0;
      const tamper = (bytes: Buffer): Buffer => {
        if (count++ !== word || bytes.length === 0) return bytes;
        const changed = Buffer.from(bytes);
        changed[where % changed.length] = (changed[where % changed.length] as number) ^ flip;
        return changed;
      };
      const { dialler, acceptor } = shake(side(1), side(2), { tamper });
      // Only what it says itself, the dialler could still believe; the acceptor's READY comes after its decision.
      expect(dialler.kind === "done" && acceptor.kind === "done").toBe(false);
    }),
  );
});

test("garbage is no peer, and memory stays bounded", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (garbage) => {
      const acceptor = new Handshake("acceptor", undefined, side(2));
      expect(["broken", "pending"]).toContain(acceptor.feed(garbage).kind);
      expect(acceptor.takeOutput().length).toBe(0);
    }),
  );
  expect(new Handshake("acceptor", undefined, side(2)).feed(Buffer.from([1, 0xff, 0xff])).kind).toBe("broken");
  expect(new Handshake("acceptor", undefined, side(2)).feed(Buffer.from("GET / HTTP/1.1\r\n\r\n")).kind).toBe("broken");
});

test("another version of the protocol is told apart from garbage", () => {
  const dialler = new Handshake("dialler", "control", side(1));
  const hello = dialler.takeOutput();
  hello[7] = 9;
  const acceptor = new Handshake("acceptor", undefined, side(2));
  expect(acceptor.feed(hello)).toMatchObject({ kind: "refusing", refusal: { code: "WRONG_VERSION" } });
  expect(dialler.feed(acceptor.takeOutput())).toMatchObject({ kind: "refused", isProven: false });
});

test("what follows the handshake in the same chunk is left to the frames", () => {
  const dialler = new Handshake("dialler", "bulk", side(1));
  const acceptor = new Handshake("acceptor", undefined, side(2));
  acceptor.feed(dialler.takeOutput());
  dialler.feed(acceptor.takeOutput());
  expect(acceptor.feed(dialler.takeOutput()).kind).toBe("done");
  const ready = acceptor.takeOutput();
  const outcome = dialler.feed(Buffer.concat([ready, Buffer.from("frames")]));
  expect(outcome).toMatchObject({ kind: "done", purpose: "bulk", consumedBytes: ready.length });
});
