export { Arguments } from "./arguments.ts";
export { ReplyDecoder, ReplyFormatError } from "./decode.ts";
export { type Aggregate, encodeReply, headerOf, isAggregate, itemsOf, type RespVersion } from "./encode.ts";
export { splitInline } from "./inline.ts";
export { scratchBytes } from "./parse-window.ts";
export {
  argumentsMax,
  bulkBytesMax,
  lineBytesMax,
  type ParseResult,
  RespParser,
  type RespParserOptions,
} from "./parser.ts";
export {
  BytesReply,
  DoubleReply,
  ErrorReply,
  MapReply,
  NoReply,
  NullArray,
  noReply,
  nullArray,
  ok,
  PushReply,
  RawReply,
  type Reply,
  SetReply,
  SimpleString,
  VerbatimReply,
} from "./reply.ts";
export { ReplyPieces, replyBytes } from "./reply-pieces.ts";
