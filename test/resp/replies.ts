/** Arbitrary replies, for properties of what encodes and decodes them. */
import fc from "fast-check";
import {
  DoubleReply,
  ErrorReply,
  MapReply,
  nullArray,
  ok,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "../../src/resp/index.ts";

const bulk = fc.uint8Array({ maxLength: 30 }).map((value) => Buffer.from(value).toString("latin1"));
const line = fc.string({ unit: fc.constantFrom("a", "B", " ", "'", "9"), maxLength: 12 });
/** Replies of every kind, nested. */
export const replies: fc.Arbitrary<Reply> = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    bulk,
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
    fc.constantFrom<Reply>(null, true, false, nullArray, ok),
    line.map((text) => new SimpleString(text)),
    line.map((text) => new ErrorReply(`ERR ${text}`)),
    fc.constantFrom("0", "-1.5", "inf", "-inf", "3.0e+20", "17").map((text) => new DoubleReply(text)),
    bulk.map((text) => new VerbatimReply("txt", text)),
    fc.array(tie("reply"), { maxLength: 4 }),
    fc.array(tie("reply"), { maxLength: 4 }).map((members) => new SetReply(members)),
    fc.array(fc.tuple(tie("reply"), tie("reply")), { maxLength: 3 }).map((pairs) => new MapReply(pairs.flat())),
  ),
})).reply;
