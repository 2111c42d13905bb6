import { DiskError } from "../platform/index.ts";
import { type DiskFault, DiskFaults, type DiskOperation } from "./disk-faults.ts";
import { allFiles, type DiskNode, type FileNode, FolderNode, findNode, findParent } from "./disk-tree.ts";
import { type DiskLoss, pageBytes } from "./file-content.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedWorld } from "./world.ts";

/** How long operations take: a base and an exponentially distributed part of the same mean, and now and then a tail. */
export interface DiskSettings {
  /** Of opening, renaming, listing and so on. Default 0.05. */
  readonly metadataMs: number;
  /** Of handing bytes to the page cache, and of reading. Default 0.02. */
  readonly transferMs: number;
  /** Of a sync. Default 0.3. */
  readonly syncMs: number;
  /** Per MiB read or written. Default 0.5. */
  readonly mebibyteMs: number;
  /** The part of operations that take `tailMs` on top. Default 0.001. */
  readonly tailChance: number;
  /** Default 20. */
  readonly tailMs: number;
  /** Default 1 GiB. */
  readonly capacityBytes: number;
  /** It says that it has synced, and has not: a lie that no store survives. Default false. */
  readonly ignoresSync: boolean;
}

export const defaultDiskSettings: DiskSettings = {
  metadataMs: 0.05,
  transferMs: 0.02,
  syncMs: 0.3,
  mebibyteMs: 0.5,
  tailChance: 0.001,
  tailMs: 20,
  capacityBytes: 2 ** 30,
  ignoresSync: false,
};

/** "New" records are the last so many bytes. */
const newBytes = 16_384;

/**
 * The disk of a simulated machine: what it holds, how long it takes, and what goes wrong. It outlives the machine's
 * processes, each of which sees it through a {@link ProcessDisk}.
 */
export class SimulatedDisk {
  root: FolderNode = new FolderNode();
  settings: DiskSettings;
  /** Syncs that have begun, of files and folders. */
  syncCount = 0;
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #faults = new DiskFaults();
  #stalledUntilMs = 0;
  #usedPages = 0;

  constructor(world: SimulatedWorld, random: SeededRandom, settings: DiskSettings) {
    this.#world = world;
    this.#random = random;
    this.settings = settings;
  }

  get random(): SeededRandom {
    return this.#random;
  }

  get usedBytes(): number {
    return this.#usedPages * pageBytes;
  }

  get freeBytes(): number {
    return Math.max(0, this.settings.capacityBytes - this.usedBytes);
  }

  /** Arms an error; returns what lifts it. */
  inject(fault: DiskFault): () => void {
    return this.#faults.inject(fault);
  }

  /** Lifts all errors that wait. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** From now on no operation ends for `durationMs`. */
  stall(durationMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#world.later(durationMs));
  }

  /** The power goes: see {@link DiskLoss}. */
  cutPower(loss: DiskLoss): void {
    this.root.cutPower(loss, this.#random);
    this.recount();
  }

  /** Everything is gone, as with a new disk. */
  erase(): void {
    this.root = new FolderNode();
    this.recount();
  }

  /** What is on the disk now, to be put back by {@link restore}. */
  copy(): FolderNode {
    return this.root.clone();
  }

  restore(copy: FolderNode): void {
    this.root = copy.clone();
    this.recount();
  }

  /** Paths and sizes of all files, in the order of their creation. */
  files(): readonly { readonly path: string; readonly sizeBytes: number }[] {
    return allFiles(this.root).map(({ path, file }) => ({ path, sizeBytes: file.content.sizeBytes }));
  }

  /** What a file holds now; undefined if there is none. */
  contentOf(path: string): Uint8Array | undefined {
    const node = findNode(this.root, path, "read");
    return node?.kind === "file" ? node.content.read(0, node.content.sizeBytes) : undefined;
  }

  /** Damages one bit of a file, in old data and new. */
  flipBit(path: string, position: number, bit = 0): void {
    const node = findNode(this.root, path, "flip");
    if (node?.kind !== "file") throw new DiskError("ENOENT", "flip", path);
    node.content.flipBit(position, bit);
  }

  /** Damages one random bit of one random file that `matches`; says where, or undefined if there is no such file. */
  flipRandomBit(matches: (path: string) => boolean = () => true): { path: string; position: number } | undefined {
    const files = allFiles(this.root).filter(({ path, file }) => matches(path) && file.content.sizeBytes > 0);
    if (files.length === 0) return undefined;
    const { path, file } = this.#random.pick(files);
    const position = this.#random.integer(0, file.content.sizeBytes - 1);
    file.content.flipBit(position, this.#random.integer(0, 7));
    return { path, position };
  }

  /**
   * Damages a bit of what a file has held for some time (`settledBytes`), anywhere in it ("old") or near its end ("new");
   * small files that were written at once anywhere, unless it is to be a log. Says where; undefined if there is nothing to damage.
   */
  flipSettledBit(
    age: "old" | "new",
    isLog: (path: string) => boolean,
    among: "all" | "logs" = "all",
  ): { path: string; position: number } | undefined {
    const found = this.#pickSettled(isLog, 1, among);
    if (found === undefined) return undefined;
    const { path, file, end } = found;
    const from = age === "new" ? Math.max(0, end - newBytes) : 0;
    let position = this.#random.integer(from, end - 1);
    // Most of a log with small batches is padding, which nobody misses.
    for (let attempt = 0; attempt < 40 && file.content.read(position, 1)[0] === 0; attempt++) {
      position = this.#random.integer(from, end - 1);
    }
    file.content.flipBit(position, this.#random.integer(0, 7));
    return { path, position };
  }

  /** One page of what a log has held for some time is found where another one should be. */
  misdirectSettledPage(isLog: (path: string) => boolean): { path: string; position: number } | undefined {
    const found = this.#pickSettled(isLog, 2 * pageBytes, "logs");
    if (found === undefined) return undefined;
    const { path, file, end } = found;
    const pageCount = Math.floor(end / pageBytes);
    const to = this.#random.integer(0, pageCount - 1);
    const from = (to + this.#random.integer(1, pageCount - 1)) % pageCount;
    file.content.misdirect(from * pageBytes, to * pageBytes);
    return { path, position: to * pageBytes };
  }

  /** Of the log that is written now the end of what was synced last was not: it cannot know that. Says where. */
  tearTail(isLog: (path: string) => boolean): { path: string; position: number } | undefined {
    const newest = allFiles(this.root)
      .filter(({ path, file }) => isLog(path) && file.content.settledBytes > 0)
      .toSorted((left, right) => (left.path < right.path ? 1 : -1))[0];
    const position = newest?.file.content.tearTail(this.#random);
    return newest === undefined || position === undefined ? undefined : { path: newest.path, position };
  }

  /** A file's name vanishes, durably. */
  loseFile(path: string): void {
    const { folder, name } = findParent(this.root, path, "lose");
    folder.change((names) => void names.delete(name));
    folder.beginSync()();
    this.recount();
  }

  /** How long an operation takes from now, in ms. For {@link ProcessDisk}. */
  durationMs(operation: DiskOperation, byteCount: number): number {
    const { settings } = this;
    if (operation === "sync") this.syncCount++;
    const baseMs =
      operation === "sync"
        ? settings.syncMs
        : operation === "write" || operation === "read"
          ? settings.transferMs
          : settings.metadataMs;
    let durationMs = baseMs + this.#random.exponential(baseMs) + (byteCount / 2 ** 20) * settings.mebibyteMs;
    if (this.#random.chance(settings.tailChance)) durationMs += this.#random.exponential(settings.tailMs);
    return durationMs;
  }

  /** Operations end no earlier. For {@link ProcessDisk}. */
  get stalledUntilMs(): number {
    return this.#stalledUntilMs;
  }

  /** The injected error of this operation. For {@link ProcessDisk}. */
  takeFault(operation: DiskOperation, path: string): DiskError | undefined {
    const code = this.#faults.take(operation, path);
    return code === undefined ? undefined : new DiskError(code, operation, path);
  }

  /** Writes as much as there is room for. For {@link ProcessDisk}. */
  write(file: FileNode, bytes: Uint8Array, position: number): "done" | "ENOSPC" | "ESHORT" {
    let length = bytes.length;
    while (file.content.newPages(position, length) * pageBytes > this.freeBytes && length > 0) {
      // To the beginning of the last page.
      length = Math.max(0, Math.floor((position + length - 1) / pageBytes) * pageBytes - position);
    }
    if (length > 0) {
      this.#usedPages += file.content.newPages(position, length);
      file.content.write(bytes.subarray(0, length), position);
    }
    if (length === bytes.length) return "done";
    return length === 0 ? "ENOSPC" : "ESHORT";
  }

  /** The space of a file or folder that has lost its name. For {@link ProcessDisk}. */
  release(node: DiskNode): void {
    if (node.kind === "file") this.#usedPages -= node.content.pageCount;
    else for (const below of node.names.values()) this.release(below);
  }

  #pickSettled(
    isLog: (path: string) => boolean,
    bytesMin: number,
    among: "all" | "logs",
  ): { readonly path: string; readonly file: FileNode; readonly end: number } | undefined {
    const files = allFiles(this.root)
      .map(({ path, file }) => ({ path, file, end: isLog(path) ? file.content.settledBytes : file.content.sizeBytes }))
      .filter(({ path, end }) => end >= bytesMin && (among === "all" || isLog(path)));
    // Small files are many, and seldom read again.
    const logs = files.filter(({ path }) => isLog(path));
    const candidates = logs.length > 0 && this.#random.chance(0.8) ? logs : files;
    return candidates.length === 0 ? undefined : this.#random.pick(candidates);
  }

  /** After changes whose effect on the space is not followed one by one. */
  recount(): void {
    this.#usedPages = 0;
    for (const { file } of allFiles(this.root)) this.#usedPages += file.content.pageCount;
  }
}
