import { CoterieError, type Outcome } from "../platform/index.ts";

/**
 * An error reply. `code` is its first word, as Redis' clients know it ("ERR", "WRONGTYPE", "OOM", …); the message is
 * the whole reply. `outcome` is "unknown" for `UNCERTAIN` and, of sessions, `SESSIONEXPIRED`, and "applied" for
 * `REPLYLOST`: any other error promises that nothing happened.
 */
export class CommandError extends CoterieError {
  readonly code: string;
  override readonly outcome: Outcome;

  /** `text` is the reply without its "-". */
  constructor(text: string) {
    super(text);
    this.code = /^[A-Z][A-Z0-9_]*(?= |$)/.exec(text)?.[0] ?? "ERR";
    this.outcome = outcomes.get(this.code) ?? "notApplied";
  }
}

const outcomes: ReadonlyMap<string, Outcome> = new Map<string, Outcome>([
  ["UNCERTAIN", "unknown"],
  // A number that was sent before may have been carried out while there was the session.
  ["SESSIONEXPIRED", "unknown"],
  ["REPLYLOST", "applied"],
]);

/** A command to a store that has been closed, or whose closing came before the reply. */
export class StoreClosedError extends CoterieError {
  readonly code = "STORE_CLOSED";
  override readonly outcome: Outcome;

  constructor(message: string, outcome: Outcome) {
    super(message);
    this.outcome = outcome;
  }
}

/** A command whose effect on the connection all callers of `command` would share. */
export class CommandNotEmbeddedError extends CoterieError {
  readonly code = "COMMAND_NOT_EMBEDDED";
}

/** More commands wait for their replies than a store takes. */
export class TooManyCommandsError extends CoterieError {
  readonly code = "TOO_MANY_COMMANDS";
}

/** An option of `Coterie.start` that cannot be accepted. */
export class InvalidOptionError extends CoterieError {
  readonly code = "INVALID_OPTION";
}
