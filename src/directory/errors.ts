import { CoterieError } from "../platform/index.ts";

/** A record of the directory that this version does not understand: a newer one wrote it, or it is none. */
export class DirectoryRecordError extends CoterieError {
  readonly code = "DIRECTORY_RECORD";
  readonly key: string;

  constructor(key: string, reason: string) {
    const cure = "Run the newest version of Coterie that the cluster has on this node too.";
    super(`The directory's record ${JSON.stringify(key)} ${reason}. ${cure}`);
    this.key = key;
  }
}

/** Why the directory does not take a change; the message says what to do. */
export abstract class DirectoryRefusal extends CoterieError {}

/** A value that the directory does not take. The message names its range. */
export class DirectoryValueError extends DirectoryRefusal {
  readonly code = "DIRECTORY_VALUE";
}

/** Another node of the cluster has that name. */
export class NodeNameTakenError extends DirectoryRefusal {
  readonly code = "NODE_NAME_TAKEN";
}

/** The cluster has no such node. */
export class NodeUnknownError extends DirectoryRefusal {
  readonly code = "NODE_UNKNOWN";
}

/** Not with a node in that state. The message says what comes first. */
export class NodeStateError extends DirectoryRefusal {
  readonly code = "NODE_STATE";
}

/** The cluster takes no further node. */
export class TooManyNodesError extends DirectoryRefusal {
  readonly code = "TOO_MANY_NODES";
}

/** Too few nodes would be left for the number of replicas that each shard should have. */
export class TooFewNodesError extends DirectoryRefusal {
  readonly code = "TOO_FEW_NODES";
}

/** Shards would lose the majority of their replicas. */
export class MajorityAtRiskError extends DirectoryRefusal {
  readonly code = "MAJORITY_AT_RISK";
  /** Their numbers. */
  readonly shards: readonly number[];

  constructor(message: string, shards: readonly number[]) {
    super(message);
    this.shards = shards;
  }
}

/** A move of a replica that cannot begin, or not now. */
export class MoveRefusedError extends DirectoryRefusal {
  readonly code = "MOVE_REFUSED";
}
