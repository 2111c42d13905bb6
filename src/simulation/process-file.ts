import { type DiskCallback, DiskError, type DiskFile } from "../platform/index.ts";
import type { FileNode } from "./disk-tree.ts";
import type { PendingSync } from "./file-content.ts";
import type { ProcessDisk } from "./process-disk.ts";

/**
 * An open file of a simulated disk. What a write carries is read when it ends, not when it is asked for: a caller
 * that touches the bytes too early will find what it did on the disk.
 */
export class ProcessFile implements DiskFile {
  readonly #disk: ProcessDisk;
  readonly #path: string;
  readonly #file: FileNode;
  readonly #isWritable: boolean;
  #operationsUnderWay = 0;
  #isClosed = false;
  #onIdle: (() => void)[] = [];

  constructor(disk: ProcessDisk, path: string, file: FileNode, isWritable: boolean) {
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
    this.#isWritable = isWritable;
  }

  write(bytes: Uint8Array, position: number, done: DiskCallback): void {
    if (this.#isClosed || !this.#isWritable) this.#refuse("write", done);
    else this.#write(bytes, position, done);
  }

  sync(done: DiskCallback): void {
    if (this.#isClosed) this.#refuse("sync", done);
    else this.#sync(done);
  }

  writeAndSync(bytes: Uint8Array, position: number, done: DiskCallback): void {
    if (this.#isClosed || !this.#isWritable) {
      this.#refuse("write", done);
      return;
    }
    this.#operationsUnderWay++;
    const finish: DiskCallback = (error) => {
      this.#operationEnded();
      done(error);
    };
    this.#write(bytes, position, (error) => {
      if (error === undefined) this.#sync(finish);
      else finish(error);
    });
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#ask("read", length, () => this.#file.content.read(position, length));
  }

  sizeBytes(): Promise<number> {
    return this.#ask("stat", 0, () => this.#file.content.sizeBytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#ask("truncate", 0, () => {
      if (!this.#isWritable) throw new DiskError("EINVAL", "truncate", this.#path);
      this.#file.content.truncate(sizeBytes);
      this.#disk.disk.recount();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#operationsUnderWay > 0) await new Promise<void>((resolve) => void this.#onIdle.push(resolve));
    else await new Promise<void>((resolve) => this.#disk.post(resolve));
  }

  #write(bytes: Uint8Array, position: number, done: DiskCallback): void {
    this.#operationsUnderWay++;
    const disk = this.#disk.disk;
    this.#disk.submit({
      operation: "write",
      path: this.#path,
      byteCount: bytes.length,
      effect: () => {
        const outcome = disk.write(this.#file, bytes, position);
        if (outcome !== "done") throw new DiskError(outcome, "write", this.#path);
      },
      // Some of it may be there.
      fail: () => void disk.write(this.#file, bytes.subarray(0, disk.random.integer(0, bytes.length)), position),
      done: (error) => {
        this.#operationEnded();
        done(error);
      },
    });
  }

  #sync(done: DiskCallback): void {
    this.#operationsUnderWay++;
    const { content } = this.#file;
    let pending: PendingSync | undefined;
    this.#disk.submit({
      operation: "sync",
      path: this.#path,
      byteCount: 0,
      begin: () => {
        pending = content.beginSync();
      },
      effect: () => {
        if (pending !== undefined && !this.#disk.disk.settings.ignoresSync) content.endSync(pending);
      },
      fail: () => {
        if (pending !== undefined) content.failSync(pending, this.#disk.disk.random);
      },
      done: (error) => {
        this.#operationEnded();
        done(error);
      },
    });
  }

  #ask<T>(operation: "read" | "stat" | "truncate", byteCount: number, effect: () => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(new DiskError("EBADF", operation, this.#path));
    this.#operationsUnderWay++;
    const answer = this.#disk.ask({ operation, path: this.#path, byteCount }, effect);
    const ended = (): void => this.#operationEnded();
    answer.then(ended, ended);
    return answer;
  }

  #operationEnded(): void {
    this.#operationsUnderWay--;
    if (this.#operationsUnderWay > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #refuse(operation: string, done: DiskCallback): void {
    this.#disk.post(() => done(new DiskError("EBADF", operation, this.#path)));
  }
}
