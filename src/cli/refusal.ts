import { CoterieError, type Outcome } from "../platform/index.ts";

// What the command refuses before anything has happened. Each message is one line: what is wrong, and the cure. The
// command prints it without a stack trace and ends with exit code 2. `docs/errors.md` has a section for every code.

/** A flag, an argument or an environment variable that cannot be accepted. */
export class UsageError extends CoterieError {
  readonly code = "USAGE";
}

/** An address that cannot be listened on. */
export class PortUnavailableError extends CoterieError {
  readonly code = "PORT_UNAVAILABLE";
  readonly host: string;
  readonly port: number;

  constructor(
    address: { readonly host: string; readonly port: number },
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.host = address.host;
    this.port = address.port;
  }
}

/** A directory that cannot be created, read or written, or that holds something else. */
export class DirectoryUnusableError extends CoterieError {
  readonly code = "DIRECTORY_UNUSABLE";
  readonly directory: string;

  constructor(directory: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.directory = directory;
  }
}

/** A directory that another process works in. */
export class DirectoryInUseError extends CoterieError {
  readonly code = "DIRECTORY_IN_USE";
  readonly directory: string;

  constructor(directory: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.directory = directory;
  }
}

/** The first start of a node without the names and addresses of its cluster. */
export class PeersMissingError extends CoterieError {
  readonly code = "PEERS_MISSING";
}

/** Something would be open to others without a password. */
export class PasswordRequiredError extends CoterieError {
  readonly code = "PASSWORD_REQUIRED";
}

/** The first start of a node whose peers could be impersonated without a cluster secret. */
export class SecretRequiredError extends CoterieError {
  readonly code = "SECRET_REQUIRED";
}

/** A demo's directory that was made for another number of nodes. */
export class DemoMismatchError extends CoterieError {
  readonly code = "DEMO_MISMATCH";
}

/** A demo in which a node did not start, or no leader was found in time. */
export class DemoFailedError extends CoterieError {
  readonly code = "DEMO_FAILED";
}

/** No node answered at the address that was asked. `outcome` is "unknown" if it was connected: it may do what it was asked. */
export class NoAnswerError extends CoterieError {
  readonly code = "NO_ANSWER";
  override readonly outcome: Outcome;

  constructor(message: string, options: { readonly cause?: unknown; readonly outcome?: Outcome } = {}) {
    super(message, options);
    this.outcome = options.outcome ?? "notApplied";
  }
}

/** A server answered, but not with a status. */
export class StatusRefusedError extends CoterieError {
  readonly code = "STATUS_REFUSED";
}
