/**
 * Takes a snapshot from a leader: asks for its stream piece by piece, writes it beside the log, and builds the state from
 * it at the same time. Only when the whole stream has come, its checksum and the digest of its state hold, and the file
 * is durable, does Raft hear of it, which replaces state and log in one step (CONSENSUS N-3). What has come survives a
 * lost connection and a change of the leader: the same stream goes on where it was, whoever has it.
 */
import { crc32 } from "node:zlib";
import { type Keyspace, KeyspaceLoader, SnapshotDigestError } from "../../keyspace/index.ts";
import { type NodeLog, SnapshotNotWrittenError, type SnapshotWriter } from "../../log/index.ts";
import type { PeerLinks } from "../../net/index.ts";
import { type Clock, CoterieError, type Logger, mark } from "../../platform/index.ts";
import type { InstallSnapshot } from "../../raft/index.ts";
import type { Replica } from "../replica/replica.ts";
import { nodeOf } from "../replica/replica-id.ts";
import type { NodeSettings } from "../settings.ts";
import { checkedIndex } from "./snapshot-loading.ts";
import {
  decodeDescription,
  type SnapshotDescription,
  type SnapshotPiece,
  sendSnapshotQuestion,
} from "./snapshot-wire.ts";

/**
 * Bytes that are asked for at once, and how many of these questions are under way. Where nothing comes before the
 * connection breaks, less is asked for at once: of a piece that is half there when it breaks, nothing is there.
 */
const pieceBytesMin = 4_096;
const pieceBytesMax = 131_072;
const questionsMax = 4;
/** A piece that does not come within this is asked for again. */
const retryMs = 1_000;
/** What nobody goes on with for so long is dropped. */
const keptMs = 60_000;

export interface SnapshotReceiverOptions {
  readonly replica: Replica;
  readonly log: NodeLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly links: () => PeerLinks;
  readonly settings: Pick<NodeSettings, "semanticsLevelMax">;
  /** Something was written to a connection. */
  readonly onOutput: () => void;
}

export interface SnapshotProgress {
  readonly receivedBytes: number;
  /** Of the whole stream. */
  readonly snapshotBytes: number;
}

interface Receiving {
  /** The newest that offers this stream. */
  message: InstallSnapshot;
  readonly description: SnapshotDescription;
  readonly writer: SnapshotWriter;
  readonly loader: KeyspaceLoader;
  /** Have come, and wait for their turn to be written. */
  readonly pieces: Buffer[];
  arrivedBytes: number;
  /** Up to here the stream was asked for. */
  askedBytes: number;
  /** So many bytes are asked for at once, and so many pieces have come since it was asked again. */
  pieceBytes: number;
  pieceCount: number;
  checksum: number;
  /** When something was asked for, when something came, and when it was offered: the last time. */
  askedMs: number;
  arrivedMs: number;
  offeredMs: number;
  isWorking: boolean;
  /** All of it is there and durable. */
  keyspace: Keyspace | undefined;
}

export class SnapshotReceiver {
  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#receiving !== undefined;
  }

  /** How much has come of the one that is on its way. */
  get progress(): SnapshotProgress | undefined {
    const receiving = this.#receiving;
    if (receiving === undefined) return undefined;
    return { receivedBytes: receiving.arrivedBytes, snapshotBytes: receiving.description.sizeBytes };
  }

  /** A leader offers a snapshot. */
  offered(message: InstallSnapshot): void {
    const { clock, replica } = this.#options;
    const { snapshot } = message;
    const description = decodeDescription(snapshot.data);
    if (description === undefined || this.#isStopped) return;
    if (!replica.needsSnapshot(message)) {
      // The core says what it has.
      replica.step(message);
      return;
    }
    const known = this.#receiving;
    const isKnown =
      known?.message.snapshot.index === snapshot.index &&
      known.message.snapshot.term === snapshot.term &&
      known.description.checksum === description.checksum &&
      known.description.sizeBytes === description.sizeBytes;
    if (known !== undefined && isKnown) {
      known.message = message;
      known.offeredMs = clock.nowMs();
      this.#restart(known);
      void this.#work(known);
      return;
    }
    this.#drop("another snapshot is offered");
    this.#begin(message, description);
  }

  /** A piece has come. False: it makes no sense. */
  arrived(nodeId: number, { index, checksum, offset, bytes }: SnapshotPiece): boolean {
    const receiving = this.#receiving;
    if (receiving === undefined || nodeOf(receiving.message.from) !== nodeId) return true;
    const { message, description } = receiving;
    if (message.snapshot.index !== index || description.checksum !== checksum) return true;
    if (bytes.length === 0) {
      this.#drop("its sender no longer has it");
      return true;
    }
    // An answer to a question that was asked again.
    if (offset !== receiving.arrivedBytes) return true;
    if (bytes.length > pieceBytesMax || offset + bytes.length > description.sizeBytes) return false;
    receiving.pieces.push(bytes);
    receiving.arrivedBytes += bytes.length;
    receiving.pieceCount++;
    if (receiving.pieceCount % questionsMax === 0) {
      receiving.pieceBytes = Math.min(pieceBytesMax, 2 * receiving.pieceBytes);
    }
    receiving.arrivedMs = this.#options.clock.nowMs();
    void this.#work(receiving);
    return true;
  }

  /** Time has passed. */
  tick(): void {
    const receiving = this.#receiving;
    if (receiving === undefined) return;
    const { clock, replica } = this.#options;
    const nowMs = clock.nowMs();
    if (replica.core.commitIndex >= receiving.message.snapshot.index) this.#drop("it is not needed any more");
    else if (nowMs - Math.max(receiving.offeredMs, receiving.arrivedMs) > keptMs) this.#drop("nobody goes on with it");
    else if (nowMs - Math.max(receiving.askedMs, receiving.arrivedMs) > retryMs) this.#restart(receiving);
  }

  /** Takes nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#drop("the node stops");
    await this.#aborting;
  }

  readonly #options: SnapshotReceiverOptions;
  #receiving: Receiving | undefined;
  #aborting: Promise<void> = Promise.resolve();
  #isStopped = false;

  #begin(message: InstallSnapshot, description: SnapshotDescription): void {
    const { clock, log, logger, replica } = this.#options;
    const { semanticsLevelMax } = this.#options.settings;
    const { index, term, configuration } = message.snapshot;
    const nowMs = clock.nowMs();
    const receiving: Receiving = {
      message,
      description,
      writer: log.receiveSnapshot(replica.group, { index, term, configuration }),
      loader: new KeyspaceLoader({ statistics: replica.keyspace.statistics, semanticsLevelMax }),
      pieces: [],
      arrivedBytes: 0,
      askedBytes: 0,
      pieceBytes: pieceBytesMax,
      pieceCount: 0,
      checksum: 0,
      askedMs: nowMs,
      arrivedMs: nowMs,
      offeredMs: nowMs,
      isWorking: false,
      keyspace: undefined,
    };
    this.#receiving = receiving;
    const { sizeBytes } = description;
    logger.log("info", "a snapshot is on its way here", { group: replica.group, index, bytes: sizeBytes });
    this.#ask(receiving);
    if (sizeBytes === 0) void this.#work(receiving);
  }

  /** Asks again for whatever has not come. */
  #restart(receiving: Receiving): void {
    if (receiving.pieceCount === 0) receiving.pieceBytes = Math.max(pieceBytesMin, receiving.pieceBytes / 2);
    receiving.pieceCount = 0;
    receiving.askedBytes = receiving.arrivedBytes;
    receiving.askedMs = this.#options.clock.nowMs();
    this.#ask(receiving);
  }

  /** Asks for more, as far as few questions are under way. */
  #ask(receiving: Receiving): void {
    const { links, onOutput, replica } = this.#options;
    const { message, description, pieceBytes, pieces } = receiving;
    const heldBytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const windowEnd = receiving.arrivedBytes - heldBytes + questionsMax * pieceBytes;
    const end = Math.min(description.sizeBytes, windowEnd);
    const link = links().link(nodeOf(message.from), "control");
    receiving.askedBytes = Math.max(receiving.askedBytes, receiving.arrivedBytes);
    if (link === undefined || receiving.askedBytes >= end) return;
    while (receiving.askedBytes < end) {
      const offset = receiving.askedBytes;
      const bytesMax = Math.min(pieceBytes, description.sizeBytes - offset);
      const { index } = message.snapshot;
      sendSnapshotQuestion(link, {
        group: replica.group,
        index,
        checksum: description.checksum,
        offset,
        bytesMax,
      });
      receiving.askedBytes += bytesMax;
    }
    onOutput();
  }

  /** Writes and loads what has come, and finishes when all of it has. Never rejects. */
  async #work(receiving: Receiving): Promise<void> {
    if (receiving.isWorking) return;
    receiving.isWorking = true;
    try {
      for (let piece = receiving.pieces.shift(); piece !== undefined; piece = receiving.pieces.shift()) {
        receiving.checksum = crc32(piece, receiving.checksum);
        receiving.loader.feed(piece);
        await receiving.writer.write(piece);
        if (this.#receiving !== receiving) return;
        this.#ask(receiving);
      }
      if (receiving.arrivedBytes === receiving.description.sizeBytes) await this.#finish(receiving);
    } catch (error) {
      this.#failed(receiving, error);
    } finally {
      receiving.isWorking = false;
    }
  }

  async #finish(receiving: Receiving): Promise<void> {
    const { replica } = this.#options;
    if (receiving.keyspace === undefined) {
      const { description, loader, message, writer } = receiving;
      if (receiving.checksum !== description.checksum) {
        throw new SnapshotDigestError("the stream that came has another checksum than the one that was offered");
      }
      const keyspace = checkedIndex(loader.finish(), message.snapshot.index);
      await writer.commit();
      if (this.#receiving !== receiving) return;
      receiving.keyspace = keyspace;
    }
    // By now there may be another leader, or no need any more: then the next offer finds it ready.
    if (!replica.install(receiving.message, receiving.keyspace)) return;
    this.#receiving = undefined;
    mark("a received snapshot is installed");
  }

  #failed(receiving: Receiving, error: unknown): void {
    if (this.#receiving !== receiving) return;
    const { logger, replica } = this.#options;
    const isKnown = error instanceof CoterieError;
    if (isKnown) {
      const event =
        error instanceof SnapshotNotWrittenError ? "a snapshot could not be written" : "a bad snapshot came";
      logger.log("warn", event, { group: replica.group, from: nodeOf(receiving.message.from), error: error.message });
    }
    this.#drop("it cannot be used");
    if (!isKnown) replica.fail(error);
  }

  #drop(reason: string): void {
    const receiving = this.#receiving;
    if (receiving === undefined) return;
    this.#receiving = undefined;
    const { logger, replica } = this.#options;
    logger.log("info", "a snapshot on its way here was dropped", { group: replica.group, reason });
    this.#aborting = Promise.all([this.#aborting, receiving.writer.abort()]).then(() => {});
  }
}
