/** What bounds the memory that clients can take. All in bytes unless their names say otherwise. */
export interface ServerLimits {
  /** Largest command, all words together; a larger one is read over and refused. Default 64 MiB. */
  readonly commandBytesMax: number;
  /** Memory for unfinished commands of all clients; above it, the command that grows is refused. Default 256 MiB. */
  readonly unfinishedBytesMax: number;
  /** Commands of one client that are not answered; it is not read further until half of them are. Default 1,024. */
  readonly commandsInFlightMax: number;
  /** Output that one client has not taken; it is not served, and sent, further until it has. Default 256 KiB. */
  readonly outputBytesMax: number;
  /** The same for what it is sent without asking, as by `MONITOR`; above it, it is disconnected. Default 32 MiB. */
  readonly pushedBytesMax: number;
  /** Input that is read ahead from a client that is not served at the moment. Default 64 KiB. */
  readonly inputAheadBytesMax: number;
  /**
   * Files and sockets that this process keeps for other things than clients: the log, its peers, clients that are being
   * told that they are too many. `maxclients` is no larger than what the system allows beyond them. Default 128.
   */
  readonly reservedFilesMin: number;
  /** Clients too many that are given time to hear so; more are cut off at once. Default 32. */
  readonly turnedAwayMax: number;
  /** How long a connection that we ended is given to take its last reply, in milliseconds. Default 5,000. */
  readonly lingerMs: number;
  /** The same when the whole server closes. Default 500. */
  readonly closeWaitMs: number;
}

export const serverLimitDefaults: ServerLimits = {
  commandBytesMax: 64 * 1_048_576,
  unfinishedBytesMax: 256 * 1_048_576,
  commandsInFlightMax: 1_024,
  outputBytesMax: 256 * 1_024,
  pushedBytesMax: 32 * 1_048_576,
  inputAheadBytesMax: 64 * 1_024,
  reservedFilesMin: 128,
  turnedAwayMax: 32,
  lingerMs: 5_000,
  closeWaitMs: 500,
};
