/**
 * A disk upon another one of which it only reads: whatever is written, made, renamed or removed is so in memory alone, and
 * gone with it. So code that opens what it finds as it always does, cleaning up on the way, can look at a directory that
 * must stay as it is.
 */
import { type Disk, type DiskCallback, DiskError, type DiskFile, type DiskLock } from "../../platform/index.ts";

/** Nothing that is kept in memory is large. */
const freeBytes = 2 ** 40;

export class OverlayDisk implements Disk {
  /** @param base what is looked at */
  constructor(base: Disk) {
    this.#base = base;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const known = this.#files.get(path);
    if (mode === "create") {
      if (known !== undefined || (await this.#isBelow(path))) throw new DiskError("EEXIST", "open", path);
      return this.#made(path, new Uint8Array(0));
    }
    if (known !== undefined) return new OverlayFile(known);
    if (this.#hidden.has(path)) throw new DiskError("ENOENT", "open", path);
    if (mode === "read") return this.#base.open(path, "read");
    return this.#made(path, await this.#base.readFile(path));
  }

  async readFile(path: string): Promise<Uint8Array> {
    const known = this.#files.get(path);
    if (known !== undefined) return known.bytes.slice(0, known.sizeBytes);
    if (this.#hidden.has(path)) throw new DiskError("ENOENT", "readFile", path);
    return this.#base.readFile(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const content = this.#files.get(from) ?? contentOf(await this.readFile(from));
    this.#files.delete(from);
    this.#hidden.add(from);
    this.#files.set(to, content);
  }

  async remove(path: string): Promise<void> {
    if (!this.#files.has(path) && !(await this.#isBelow(path))) throw new DiskError("ENOENT", "remove", path);
    this.#files.delete(path);
    this.#hidden.add(path);
  }

  async removeTree(path: string): Promise<void> {
    for (const name of await this.list(path)) await this.remove(`${path}/${name}`);
  }

  async list(path: string): Promise<readonly string[]> {
    const prefix = `${path}/`;
    const below = (await this.#base.list(path)).filter((name) => !this.#hidden.has(prefix + name));
    const made = [...this.#files.keys()]
      .filter((each) => each.startsWith(prefix))
      .map((each) => each.slice(prefix.length));
    return [...new Set([...below, ...made])].toSorted();
  }

  /** Folders are there, or not needed. */
  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  syncDirectory(): Promise<void> {
    return Promise.resolve();
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(freeBytes);
  }

  lock(directory: string): Promise<DiskLock> {
    return this.#base.lock(directory);
  }

  readonly #base: Disk;
  readonly #files: Map<string, Content> = new Map();
  /** Removed here, whether they are below or not. */
  readonly #hidden: Set<string> = new Set();

  #made(path: string, bytes: Uint8Array): DiskFile {
    const content = contentOf(bytes);
    this.#files.set(path, content);
    return new OverlayFile(content);
  }

  async #isBelow(path: string): Promise<boolean> {
    if (this.#hidden.has(path)) return false;
    try {
      await (await this.#base.open(path, "read")).close();
      return true;
    } catch (error) {
      if (error instanceof DiskError && error.code === "ENOENT") return false;
      throw error;
    }
  }
}

/** Of a file that was made, or changed. */
interface Content {
  bytes: Uint8Array;
  sizeBytes: number;
}

function contentOf(bytes: Uint8Array): Content {
  return { bytes: bytes.slice(), sizeBytes: bytes.length };
}

class OverlayFile implements DiskFile {
  constructor(content: Content) {
    this.#content = content;
  }

  write(bytes: Uint8Array, position: number, done: DiskCallback): void {
    this.#resize(Math.max(this.#content.sizeBytes, position + bytes.length));
    this.#content.bytes.set(bytes, position);
    called(done);
  }

  sync(done: DiskCallback): void {
    called(done);
  }

  writeAndSync(bytes: Uint8Array, position: number, done: DiskCallback): void {
    this.write(bytes, position, done);
  }

  read(position: number, length: number): Promise<Uint8Array> {
    const { bytes, sizeBytes } = this.#content;
    return Promise.resolve(bytes.slice(position, Math.max(position, Math.min(sizeBytes, position + length))));
  }

  sizeBytes(): Promise<number> {
    return Promise.resolve(this.#content.sizeBytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    this.#resize(sizeBytes);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  readonly #content: Content;

  #resize(sizeBytes: number): void {
    const content = this.#content;
    if (sizeBytes > content.bytes.length) {
      const grown = new Uint8Array(Math.max(sizeBytes, 2 * content.bytes.length));
      grown.set(content.bytes.subarray(0, content.sizeBytes));
      content.bytes = grown;
    }
    if (sizeBytes < content.sizeBytes) content.bytes.fill(0, sizeBytes, content.sizeBytes);
    content.sizeBytes = sizeBytes;
  }
}

/** Not within the call that it answers. */
function called(done: DiskCallback): void {
  void Promise.resolve().then(() => done(undefined));
}
