import { type Disk, DiskError, type DiskFile, type DiskLock } from "../platform/index.ts";
import type { SimulatedDisk } from "./disk.ts";
import type { DiskOperation } from "./disk-faults.ts";
import { FileNode, FolderNode, findFile, findFolder, findNode, findParent, pathParts } from "./disk-tree.ts";
import { arrivalPhase } from "./event-queue.ts";
import type { SimulatedProcess } from "./process.ts";
import { ProcessFile } from "./process-file.ts";
import type { SimulatedWorld } from "./world.ts";

/** As many operations run at once as Node's thread pool has threads; the others wait in order. */
const threads = 4;

/** Something for the disk to do. `effect` happens when it ends, all at once. */
export interface DiskTask {
  readonly operation: DiskOperation;
  readonly path: string;
  readonly byteCount: number;
  /** Called when a thread takes it up. */
  readonly begin?: () => void;
  /** Throws a {@link DiskError} if the operation fails. */
  readonly effect: () => void;
  /** What an injected error does instead of `effect`. */
  readonly fail?: (error: DiskError) => void;
  readonly done: (error: DiskError | undefined) => void;
}

/** The disk as one process sees it. */
export class ProcessDisk implements Disk {
  readonly #world: SimulatedWorld;
  readonly #process: SimulatedProcess;
  readonly #disk: SimulatedDisk;
  readonly #locks: Map<FolderNode, SimulatedProcess>;
  readonly #underWay = new Set<DiskTask>();
  readonly #waiting: DiskTask[] = [];

  constructor(
    world: SimulatedWorld,
    process: SimulatedProcess,
    disk: SimulatedDisk,
    locks: Map<FolderNode, SimulatedProcess>,
  ) {
    this.#world = world;
    this.#process = process;
    this.#disk = disk;
    this.#locks = locks;
  }

  get disk(): SimulatedDisk {
    return this.#disk;
  }

  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    return this.#ask("open", path, () => {
      if (mode !== "create") return new ProcessFile(this, path, findFile(this.#root, path, "open"), mode === "write");
      const { folder, name } = findParent(this.#root, path, "open");
      if (folder.names.has(name)) throw new DiskError("EEXIST", "open", path);
      const file = new FileNode();
      folder.change((names) => void names.set(name, file));
      return new ProcessFile(this, path, file, true);
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#ask("read", path, () => {
      const { content } = findFile(this.#root, path, "read");
      return content.read(0, content.sizeBytes);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#ask("rename", from, () => {
      const source = findParent(this.#root, from, "rename");
      const target = findParent(this.#root, to, "rename");
      const node = source.folder.names.get(source.name);
      if (node === undefined) throw new DiskError("ENOENT", "rename", from);
      const replaced = target.folder.names.get(target.name);
      if (replaced === node) return;
      if (replaced !== undefined) this.#refuseReplacing(node, replaced, to);
      if (source.folder === target.folder) {
        source.folder.change((names) => {
          names.delete(source.name);
          names.set(target.name, node);
        });
      } else {
        source.folder.change((names) => void names.delete(source.name));
        target.folder.change((names) => void names.set(target.name, node));
      }
      if (replaced !== undefined) this.#disk.release(replaced);
    });
  }

  remove(path: string): Promise<void> {
    return this.#ask("remove", path, () => {
      const file = findFile(this.#root, path, "remove");
      const { folder, name } = findParent(this.#root, path, "remove");
      folder.change((names) => void names.delete(name));
      this.#disk.release(file);
    });
  }

  removeTree(path: string): Promise<void> {
    return this.#ask("remove", path, () => {
      const node = findNode(this.#root, path, "remove");
      if (node === undefined) return;
      const { folder, name } = findParent(this.#root, path, "remove");
      if (node.kind === "folder") empty(node);
      folder.change((names) => void names.delete(name));
      this.#disk.recount();
    });
  }

  list(path: string): Promise<readonly string[]> {
    return this.#ask("list", path, () => [...findFolder(this.#root, path, "list").names.keys()].sort());
  }

  makeDirectory(path: string): Promise<void> {
    return this.#ask("make", path, () => {
      let folder = this.#root;
      const parts = pathParts(path);
      for (const [index, name] of parts.entries()) {
        let node = folder.names.get(name);
        if (node === undefined) {
          const made = new FolderNode();
          folder.change((names) => void names.set(name, made));
          node = made;
        }
        if (node.kind === "file") throw new DiskError(index === parts.length - 1 ? "EEXIST" : "ENOTDIR", "make", path);
        folder = node;
      }
    });
  }

  syncDirectory(path: string): Promise<void> {
    let end: (() => void) | undefined;
    const begin = (): void => {
      const node = findNode(this.#root, path, "sync");
      end = node?.kind === "folder" ? node.beginSync() : undefined;
    };
    return this.#ask(
      "sync",
      path,
      () => {
        findFolder(this.#root, path, "sync");
        if (!this.#disk.settings.ignoresSync) end?.();
      },
      begin,
    );
  }

  freeBytes(path: string): Promise<number> {
    return this.#ask("stat", path, () => {
      if (findNode(this.#root, path, "stat") === undefined) throw new DiskError("ENOENT", "stat", path);
      return this.#disk.freeBytes;
    });
  }

  lock(directory: string): Promise<DiskLock> {
    return this.#ask("lock", directory, () => {
      const folder = findFolder(this.#root, directory, "lock");
      if (this.#locks.get(folder)?.isAlive === true) throw new DiskError("ELOCKED", "lock", directory);
      this.#locks.set(folder, this.#process);
      const release = (): void => {
        if (this.#locks.get(folder) === this.#process) this.#locks.delete(folder);
      };
      return { release: () => this.#ask("lock", directory, release) };
    });
  }

  /** Puts a task into the queue of the thread pool. */
  submit(task: DiskTask): void {
    if (!this.#process.isAlive) return;
    if (this.#underWay.size < threads) this.#start(task);
    else this.#waiting.push(task);
  }

  /** Calls back in a turn of its own, without the disk. */
  post(callback: () => void): void {
    this.#process.post(callback);
  }

  /** As {@link submit}, for operations that answer with a value. */
  ask<T>(task: Pick<DiskTask, "operation" | "path" | "byteCount" | "begin">, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let value: T;
      this.submit({
        ...task,
        effect: () => {
          value = effect();
        },
        done: (error) => (error === undefined ? resolve(value) : reject(error)),
      });
    });
  }

  /** The process was killed: what its threads were doing is finished or not, at random. */
  abandon(): void {
    for (const task of this.#underWay) {
      if (!this.#disk.random.chance(0.5)) continue;
      try {
        task.effect();
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
      }
    }
    this.#underWay.clear();
    this.#waiting.length = 0;
  }

  get #root(): FolderNode {
    return this.#disk.root;
  }

  #ask<T>(operation: DiskOperation, path: string, effect: () => T, begin: () => void = nothing): Promise<T> {
    return this.ask({ operation, path, byteCount: 0, begin }, effect);
  }

  #start(task: DiskTask): void {
    this.#underWay.add(task);
    task.begin?.();
    const endMs = this.#world.later(this.#disk.durationMs(task.operation, task.byteCount));
    this.#endAt(Math.max(endMs, this.#disk.stalledUntilMs), task);
  }

  #endAt(timeMs: number, task: DiskTask): void {
    this.#world.at(timeMs, arrivalPhase, () => {
      if (!this.#underWay.has(task)) return;
      if (this.#disk.stalledUntilMs > this.#world.nowMs) this.#endAt(this.#disk.stalledUntilMs, task);
      else this.#finish(task);
    });
  }

  #finish(task: DiskTask): void {
    this.#underWay.delete(task);
    const error = this.#perform(task);
    this.#world.note(this.#process.id, error === undefined ? task.byteCount : -1);
    if (error !== undefined && this.#world.isTraced && error.code !== "ENOENT") {
      this.#world.trace(this.#process.machineName, `disk: ${error.message}`);
    }
    this.#process.post(() => task.done(error));
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
  }

  #perform(task: DiskTask): DiskError | undefined {
    const injected = this.#disk.takeFault(task.operation, task.path);
    if (injected !== undefined) {
      task.fail?.(injected);
      return injected;
    }
    try {
      task.effect();
      return undefined;
    } catch (error) {
      if (error instanceof DiskError) return error;
      throw error;
    }
  }

  #refuseReplacing(node: FileNode | FolderNode, replaced: FileNode | FolderNode, path: string): void {
    if (replaced.kind === "file" && node.kind === "folder") throw new DiskError("ENOTDIR", "rename", path);
    if (replaced.kind === "folder" && node.kind === "file") throw new DiskError("EISDIR", "rename", path);
    if (replaced.kind === "folder" && replaced.names.size > 0) throw new DiskError("ENOTEMPTY", "rename", path);
  }
}

function nothing(): void {}

function empty(folder: FolderNode): void {
  for (const [name, node] of [...folder.names]) {
    if (node.kind === "folder") empty(node);
    folder.change((names) => void names.delete(name));
  }
}
