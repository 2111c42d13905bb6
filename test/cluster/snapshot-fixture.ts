/** What the tests of sending and receiving snapshots share: a stream, a log that holds it, connections that note. */
import { MemoryLog, type NodeLog, type StoredSnapshot } from "../../src/log/index.ts";
import { ByteReader, ByteWriter, type LinkKind, type PeerLinks } from "../../src/net/index.ts";
import type { Clock, Logger } from "../../src/platform/index.ts";
import { type Configuration, emptyConfiguration } from "../../src/raft/index.ts";
import { SimulatedWorld } from "../../src/simulation/index.ts";
import { keyspaceOf } from "../keyspace/contents.ts";

export const snapshotIndex = 90;
export const configuration: Configuration = { ...emptyConfiguration, voters: [1, 2, 3], learners: [4] };

/** The stream of a state of so many kilobytes. */
export function streamOf(kilobytes: number): Buffer {
  const records = Array.from({ length: kilobytes }, (_, at) => ({
    key: `key${at}`,
    value: String(at % 10).repeat(1_024),
    deadline: undefined,
    revision: 1 + (at % 80),
  }));
  const keyspace = keyspaceOf({ appliedIndex: snapshotIndex, clockMs: 5_000, semanticsLevel: 1 }, records);
  const snapshot = keyspace.beginSnapshot({ heldBytesMax: 1 });
  const chunks: Uint8Array[] = [];
  for (let chunk = snapshot.next(); chunk !== undefined; chunk = snapshot.next()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A log in memory with a hundred entries of term 1 and the stream as the snapshot of group 1. */
export async function logWith(clock: Clock, stream: Uint8Array): Promise<NodeLog> {
  const log = new MemoryLog({ clock });
  const data = new Uint8Array(10);
  const entries = Array.from({ length: 100 }, (_, at) => ({ kind: "normal" as const, term: 1, index: at + 1, data }));
  log.append(1, { entries, hardState: undefined, snapshot: undefined }, () => {});
  log.flush();
  const writer = log.createSnapshot(1, { index: snapshotIndex, term: 1, configuration });
  await writer.write(stream);
  await writer.commit();
  return log;
}

export function storedIn(log: NodeLog): StoredSnapshot {
  const { snapshot } = log.group(1);
  if (snapshot === undefined) throw new Error("there is no snapshot");
  return snapshot;
}

export function newWorld(): SimulatedWorld {
  return new SimulatedWorld({ seed: 3 });
}

/** Connections to every peer, which keep what is written to them. */
export class NotedLinks {
  readonly written: { readonly nodeId: number; readonly kind: LinkKind; readonly message: Buffer }[] = [];
  /** What waits in each of them. */
  queuedBytes = 0;
  areUp = true;

  /** As much of `PeerLinks` as snapshots use. */
  get links(): PeerLinks {
    return { link: (nodeId: number, kind: LinkKind) => this.#link(nodeId, kind) } as unknown as PeerLinks;
  }

  /** Takes the messages of one kind of connection away. */
  take(kind: LinkKind): readonly ByteReader[] {
    const taken = this.written.filter((each) => each.kind === kind);
    this.written.length = 0;
    return taken.map(({ message }) => {
      const input = new ByteReader();
      input.open(message, 0, message.length);
      return input;
    });
  }

  #link(nodeId: number, kind: LinkKind): unknown {
    if (!this.areUp) return undefined;
    let out = new ByteWriter();
    const links = this;
    return {
      get queuedBytes() {
        return links.queuedBytes;
      },
      begin: () => {
        out = new ByteWriter();
        return out;
      },
      end: () => this.written.push({ nodeId, kind, message: Buffer.from(out.finish()) }),
    };
  }
}

/** Keeps the names of events. */
export class NotedEvents implements Logger {
  readonly names: string[] = [];

  log(_level: string, event: string): void {
    this.names.push(event);
  }
}
