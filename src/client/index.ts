export { CoterieError, type Logger, type LogLevel, type LogValue, type Outcome } from "../platform/index.ts";
export {
  CommandError,
  CommandNotEmbeddedError,
  InvalidOptionError,
  StoreClosedError,
  TooManyCommandsError,
} from "./command-error.ts";
export { Coterie, type CoterieOptions } from "./coterie.ts";
export { commandsInFlightMax } from "./local-connection.ts";
export type { CommandArgument, ReplyValue } from "./reply-value.ts";
export { Session, type SessionHost, type SessionOptions } from "./session.ts";
export { SessionClosedError, SessionTimeoutError } from "./session-error.ts";
