import { CoterieError } from "../platform/index.ts";

/** A message has more bytes than the limit. A stream goes on with the message after it. */
export class MessageTooLargeError extends CoterieError {
  readonly code = "MESSAGE_TOO_LARGE";
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    super(`a message has more than ${bytesMax} bytes: send less at a time, or raise bytesMax on both sides`);
    this.bytesMax = bytesMax;
  }
}

/** Arrays and objects lie deeper in each other than the limit. `offset` is the byte at which they do. */
export class MessageTooDeepError extends CoterieError {
  readonly code = "MESSAGE_TOO_DEEP";
  readonly depthMax: number;
  readonly offset: number;
  constructor(depthMax: number, offset: number) {
    super(`a message is nested deeper than ${depthMax} at byte ${offset}: flatten it, or raise depthMax`);
    this.depthMax = depthMax;
    this.offset = offset;
  }
}

/** A message is not UTF-8, or no JSON; `cause` says where. A stream goes on with the message after it. */
export class MessageMalformedError extends CoterieError {
  readonly code = "MESSAGE_MALFORMED";
  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(`a message cannot be read: ${what}`, options);
  }
}

/** The other side ended in the middle of a message. */
export class MessageTruncatedError extends CoterieError {
  readonly code = "MESSAGE_TRUNCATED";
  readonly byteCount: number;
  constructor(byteCount: number) {
    super(`the connection ended ${byteCount} bytes into a message: the rest of it never comes`);
    this.byteCount = byteCount;
  }
}

/** A message is JSON, but not what the schema asks for. `issues` are the schema's own words. */
export class MessageInvalidError extends CoterieError {
  readonly code = "MESSAGE_INVALID";
  readonly issues: readonly SchemaIssue[];
  constructor(issues: readonly SchemaIssue[]) {
    super(`a message does not fit its schema: ${issues.map(({ message }) => message).join("; ")}`);
    this.issues = issues;
  }
}

/** What a schema has against a value, and where in it. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
