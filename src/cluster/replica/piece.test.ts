import fc from "fast-check";
import { expect, test } from "vitest";
import { PieceAssembler, PieceCutter, pieceFormat } from "./piece.ts";

function pieces(entry: Uint8Array, pieceBytes: number): Uint8Array[] {
  const cutter = new PieceCutter(entry.length, pieceBytes);
  const cut: Uint8Array[] = [];
  for (; !cutter.isLastNext; cutter.advance()) cut.push(cutter.peek(entry));
  cut.push(cutter.peek(entry));
  return cut;
}

test("an entry cut at any size comes back whole with its last piece, and not before", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 500 }), fc.nat(), (entry, size) => {
      const pieceBytes = 1 + (size % (entry.length - 1));
      const assembler = new PieceAssembler();
      assembler.observeTerm(3);
      const results = pieces(entry, pieceBytes).map((piece) => assembler.add(piece));
      expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
      expect(Uint8Array.from(results.at(-1) as Uint8Array)).toEqual(entry);
      expect(assembler.heldBytes).toBe(0);
    }),
  );
});

test("the header may be filled in as late as the last piece", () => {
  const entry = new Uint8Array(10).fill(1);
  const cutter = new PieceCutter(entry.length, 4);
  const assembler = new PieceAssembler();
  assembler.observeTerm(1);
  for (; !cutter.isLastNext; cutter.advance()) assembler.add(cutter.peek(entry));
  entry.fill(9, 0, 4);
  expect([...(assembler.add(cutter.peek(entry)) as Uint8Array)]).toEqual([9, 9, 9, 9, 1, 1, 1, 1, 1, 1]);
});

test("pieces of an earlier term are dropped by the first entry of a later one", () => {
  const assembler = new PieceAssembler();
  const [first] = pieces(new Uint8Array(10).fill(1), 4) as [Uint8Array];
  assembler.observeTerm(1);
  expect(assembler.add(first)).toBeUndefined();
  assembler.observeTerm(1);
  expect(assembler.heldBytes).toBeGreaterThan(0);
  assembler.observeTerm(2);
  expect(assembler.heldBytes).toBe(0);
  const entry = new Uint8Array(9).fill(2);
  const results = pieces(entry, 4).map((piece) => assembler.add(piece));
  expect(Uint8Array.from(results.at(-1) as Uint8Array)).toEqual(entry);
});

test("pieces that do not fit each other are damaged", () => {
  const [one, two, last] = pieces(new Uint8Array(10).fill(1), 4) as [Uint8Array, Uint8Array, Uint8Array];
  const other = pieces(new Uint8Array(11).fill(1), 4) as [Uint8Array, Uint8Array, Uint8Array];
  for (const wrong of [[one, one], [one, other[1]], [one, last], [two, one], [last], [Uint8Array.of(pieceFormat)]]) {
    const assembler = new PieceAssembler();
    assembler.observeTerm(1);
    expect(wrong.map((piece) => assembler.add(piece)).at(-1)).toBe("damaged");
  }
});
