/** What the tests of log/ share: disks to run on, and records to append. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { batchHeaderBytes, decodeBatchHeader } from "../../src/log/batch-header.ts";
import { blockBytes, checksumSeed, viewOf } from "../../src/log/format.ts";
import {
  Log,
  type LogOptions,
  type LogRecovery,
  type NodeLog,
  type SnapshotMeta,
  type SnapshotReader,
  type SnapshotWriter,
} from "../../src/log/index.ts";
import { createNodePlatform, type Platform, silentLogger } from "../../src/platform/index.ts";
import type { Configuration, ConfigurationEntry, Entry, HardState, NormalEntry } from "../../src/raft/index.ts";
import { type SimulatedMachine, SimulatedWorld } from "../../src/simulation/index.ts";

export const identity: { readonly clusterId: Uint8Array; readonly nodeId: number } = {
  clusterId: new Uint8Array(16).fill(7),
  nodeId: 3,
};

/** A platform, a directory on it, and the passing of its time. */
export interface Host {
  readonly platform: Platform;
  readonly directory: string;
  /** Makes the folder that the log's directory stands in, durably. */
  prepare(): Promise<void>;
  until<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function nodeHost(): Promise<Host> {
  const directory = await mkdtemp(join(tmpdir(), "coterie-log-"));
  return {
    platform: createNodePlatform(),
    directory: `${directory}/log`,
    prepare: () => Promise.resolve(),
    until: (promise) => promise,
    close: () => rm(directory, { recursive: true }),
  };
}

export const directory = "/data/log";

/** Where and how long the batches of a segment are, by their headers. */
export function batchesIn(
  bytes: Uint8Array,
  segment: number,
): readonly { readonly offset: number; readonly bytes: number }[] {
  const seed = checksumSeed(identity, segment);
  const found: { readonly offset: number; readonly bytes: number }[] = [];
  for (let offset = 0; offset + blockBytes <= bytes.length; offset += blockBytes) {
    const headerBytes = batchHeaderBytes(viewOf(bytes), offset);
    if (headerBytes === 0) continue;
    const header = decodeBatchHeader(bytes.subarray(offset, offset + headerBytes), seed, offset);
    if (header !== undefined) found.push({ offset, bytes: header.totalBytes });
  }
  return found;
}

/** A machine whose power can be cut. */
export class SimulatedHost implements Host {
  readonly world: SimulatedWorld;
  readonly machine: SimulatedMachine;
  readonly directory: string = directory;
  platform: Platform;

  constructor(options: { readonly seed?: number; readonly capacityBytes?: number } = {}) {
    this.world = new SimulatedWorld({ seed: options.seed ?? 1 });
    const disk = { capacityBytes: options.capacityBytes ?? 2 ** 30 };
    this.machine = this.world.machine("n1", {
      disk,
      onProcessEnd: (end) => {
        if (end.kind === "crashed") this.#crash = end.error;
      },
    });
    this.platform = this.machine.start();
  }

  async prepare(): Promise<void> {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    await this.until(this.platform.disk.makeDirectory("/data"));
    await this.until(this.platform.disk.syncDirectory("/"));
  }

  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.world.runUntil(() => isSettled || this.#crash !== undefined, 600_000);
    this.check();
    if (!isSettled) throw new Error("the promise does not settle");
    return promise;
  }

  async run(durationMs: number): Promise<void> {
    await this.world.run(durationMs);
    this.check();
  }

  /** Throws what ended the process, if it was an error that nobody caught. */
  check(): void {
    if (this.#crash !== undefined) throw this.#crash;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #crash: unknown;
  #isPrepared = false;

  /** A new process, as after `kill -9` or, with `loss`, after a power cut. */
  restart(loss?: "everything" | "random" | "nothing"): void {
    if (loss !== undefined) this.machine.cutPower(loss);
    this.platform = this.machine.start();
  }

  /** Changes bytes of a file behind the log's back, durably. */
  async patch(name: string, change: (bytes: Uint8Array) => void): Promise<void> {
    const path = `${directory}/${name}`;
    const bytes = await this.until(this.platform.disk.readFile(path));
    const copy = bytes.slice();
    change(copy);
    const file = await this.until(this.platform.disk.open(path, "write"));
    await this.until(new Promise<void>((resolve) => file.writeAndSync(copy, 0, () => resolve())));
    await this.until(file.close());
  }

  /** Sizes of the log's files by name. */
  files(): ReadonlyMap<string, number> {
    const found = this.machine.disk.files().filter(({ path }) => path.startsWith(`${directory}/`));
    return new Map(found.map(({ path, sizeBytes }) => [path.slice(directory.length + 1), sizeBytes]));
  }
}

export const hosts: readonly { readonly name: string; readonly make: () => Promise<Host> }[] = [
  { name: "on the real disk", make: nodeHost },
  { name: "on the simulated disk", make: () => Promise.resolve(new SimulatedHost()) },
];

export async function openLog(
  host: Host,
  options: Partial<LogOptions> = {},
): Promise<{ readonly log: Log; readonly recovery: LogRecovery }> {
  await host.prepare();
  const { disk, clock } = host.platform;
  return host.until(Log.open({ disk, clock, logger: silentLogger, directory: host.directory, identity, ...options }));
}

export function entry(index: number, term: number, text: string | Uint8Array = `${term}.${index}`): NormalEntry {
  const data = typeof text === "string" ? Buffer.from(text, "latin1") : text;
  return { kind: "normal", index, term, data };
}

/** By which a leader begins its term. */
export function emptyEntry(index: number, term: number): NormalEntry {
  return entry(index, term, new Uint8Array(0));
}

/** Entries from `first` up to and including `last`. */
export function entries(first: number, last: number, term: number, bytes = 0): readonly NormalEntry[] {
  return Array.from({ length: last - first + 1 }, (_, place) =>
    entry(first + place, term, bytes > 0 ? filler(bytes, first + place + term) : undefined),
  );
}

/** Bytes that differ from place to place, and with `seed`. */
export function filler(bytes: number, seed: number): Uint8Array {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) data[at] = (at * 31 + (at >> 8) * 7 + seed * 13) & 0xff;
  return data;
}

export function configurationEntry(index: number, term: number): ConfigurationEntry {
  const changes = [
    { action: "addVoter", replica: 2 ** 40 },
    { action: "remove", replica: 5 },
  ] as const;
  return { kind: "configuration", index, term, change: { transition: "explicit", changes } };
}

export function hardState(term: number, vote: number | undefined, commit = 0): HardState {
  return { term, vote, commit };
}

/** Appends and flushes; resolves when it is durable. */
export function write(
  log: NodeLog,
  group: number,
  given: { readonly entries?: readonly Entry[]; readonly hardState?: HardState; readonly isVital?: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    const records = { entries: [], hardState: undefined, snapshot: undefined, ...given };
    log.append(group, records, () => resolve());
    log.flush();
  });
}

export const configuration: Configuration = {
  voters: [1, 2, 2 ** 40],
  votersOutgoing: [1, 3],
  learners: [7],
  learnersNext: [3],
  autoLeave: true,
  highestReplica: 2 ** 41,
};

export function meta(index: number, term: number): SnapshotMeta {
  return { index, term, configuration };
}

/** Writes a whole stream, in chunks of odd sizes, and commits it. */
export async function writeSnapshot(writer: SnapshotWriter, stream: Uint8Array): Promise<void> {
  for (let at = 0, bytes = 1; at < stream.length; bytes = (bytes * 7 + 3) % 150_001) {
    await writer.write(stream.subarray(at, at + bytes));
    at += bytes;
  }
  await writer.commit();
}

/** The whole stream. */
export async function readSnapshot(reader: SnapshotReader | undefined, bytesMax = 100_000): Promise<Uint8Array> {
  if (reader === undefined) throw new Error("there is no snapshot");
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (;;) {
    const part = await reader.read(offset, bytesMax);
    if (part.length === 0) break;
    parts.push(part);
    offset += part.length;
  }
  await reader.close();
  return Buffer.concat(parts);
}

/** Receives a snapshot and installs it with what follows it; resolves when that is durable. */
export async function install(
  log: NodeLog,
  group: number,
  snapshot: SnapshotMeta,
  records: { readonly stream?: Uint8Array; readonly entries?: readonly Entry[]; readonly hardState?: HardState } = {},
): Promise<void> {
  await writeSnapshot(log.receiveSnapshot(group, snapshot), records.stream ?? filler(1_000, snapshot.index));
  await new Promise<void>((resolve) => {
    const { entries = [], hardState } = records;
    log.append(group, { entries, hardState, snapshot: { ...snapshot, data: new Uint8Array(0) } }, resolve);
    log.flush();
  });
}

/** All entries of a group, fetched where they are not in memory. Those that are compacted meanwhile may be among them. */
export async function readAll(log: NodeLog, groupId: number): Promise<readonly Entry[]> {
  const group = log.group(groupId);
  const all: Entry[] = [];
  for (;;) {
    const next = Math.max(group.firstIndex, (all.at(-1)?.index ?? 0) + 1);
    if (next > group.lastIndex) break;
    const found = group.entries(next, group.lastIndex + 1, 1_000_000);
    if (found === "unavailable") {
      await new Promise<void>((resolve) => {
        group.onAvailable(resolve);
      });
    } else all.push(...found);
  }
  return all;
}

/** Entries with their data as text, to be compared. */
export function plain(list: readonly Entry[]): readonly unknown[] {
  return list.map((item) =>
    item.kind === "normal" ? { ...item, data: Buffer.from(item.data).toString("latin1") } : item,
  );
}
