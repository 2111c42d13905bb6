export { Arguments } from "./arguments.ts";
export {
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
