import { DiskError } from "../platform/index.ts";
import { type DiskLoss, FileContent } from "./file-content.ts";
import type { SeededRandom } from "./seeded-random.ts";

/**
 * Folders and files of a simulated disk. A folder has its present names and its durable ones; between them stands the
 * journal of changes that no sync of the folder has covered. A power cut keeps the journal up to some point.
 */
export type DiskNode = FileNode | FolderNode;

export class FileNode {
  readonly kind = "file";
  content: FileContent = new FileContent();
}

export class FolderNode {
  readonly kind = "folder";
  names: Map<string, DiskNode> = new Map();
  #durable: Map<string, DiskNode> = new Map();
  #journal: ((names: Map<string, DiskNode>) => void)[] = [];
  /** Changes that were ever made durable: the journal goes on behind them. */
  #durableCount = 0;

  /** Applies `change` now; it is durable after the next sync. */
  change(change: (names: Map<string, DiskNode>) => void): void {
    change(this.names);
    this.#journal.push(change);
  }

  /** Calls back to say that what was changed until now is durable. */
  beginSync(): () => void {
    const coveredCount = this.#durableCount + this.#journal.length;
    const snapshot = new Map(this.names);
    const journal = this.#journal;
    return () => {
      // A power cut, or another sync that covers as much, may have come in between.
      if (this.#journal !== journal || coveredCount <= this.#durableCount) return;
      this.#durable = snapshot;
      journal.splice(0, coveredCount - this.#durableCount);
      this.#durableCount = coveredCount;
    };
  }

  cutPower(loss: DiskLoss, random: SeededRandom): void {
    const kept = { everything: 0, random: random.integer(0, this.#journal.length), nothing: this.#journal.length }[
      loss
    ];
    for (const change of this.#journal.slice(0, kept)) change(this.#durable);
    this.#journal = [];
    this.names = new Map(this.#durable);
    for (const node of this.names.values()) {
      if (node.kind === "folder") node.cutPower(loss, random);
      else node.content.cutPower(loss, random);
    }
  }

  /** A copy whose present state is all durable. */
  clone(): FolderNode {
    const copy = new FolderNode();
    for (const [name, node] of this.names) {
      if (node.kind === "folder") {
        copy.names.set(name, node.clone());
      } else {
        const file = new FileNode();
        file.content = node.content.clone();
        copy.names.set(name, file);
      }
    }
    copy.#durable = new Map(copy.names);
    return copy;
  }
}

/** The parts of a path, without "." and "..". A relative path starts at the root. */
export function pathParts(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** Undefined if there is none. Throws ENOTDIR if a part on the way is a file. */
export function findNode(root: FolderNode, path: string, operation: string): DiskNode | undefined {
  let node: DiskNode | undefined = root;
  for (const part of pathParts(path)) {
    if (node === undefined) return undefined;
    if (node.kind === "file") throw new DiskError("ENOTDIR", operation, path);
    node = node.names.get(part);
  }
  return node;
}

/** Throws ENOENT, or ENOTDIR for a file. */
export function findFolder(root: FolderNode, path: string, operation: string): FolderNode {
  const node = findNode(root, path, operation);
  if (node === undefined) throw new DiskError("ENOENT", operation, path);
  if (node.kind === "file") throw new DiskError("ENOTDIR", operation, path);
  return node;
}

/** Throws ENOENT, or EISDIR for a folder. */
export function findFile(root: FolderNode, path: string, operation: string): FileNode {
  const node = findNode(root, path, operation);
  if (node === undefined) throw new DiskError("ENOENT", operation, path);
  if (node.kind === "folder") throw new DiskError("EISDIR", operation, path);
  return node;
}

/** The folder that holds the last part of `path`, and that part. */
export function findParent(root: FolderNode, path: string, operation: string): { folder: FolderNode; name: string } {
  const parts = pathParts(path);
  const name = parts.pop();
  if (name === undefined) throw new DiskError("EBUSY", operation, path);
  return { folder: findFolder(root, parts.join("/"), operation), name };
}

/** Every file below `folder` with its path, in the order of creation. */
export function allFiles(folder: FolderNode, path = ""): { readonly path: string; readonly file: FileNode }[] {
  const files: { readonly path: string; readonly file: FileNode }[] = [];
  for (const [name, node] of folder.names) {
    if (node.kind === "folder") files.push(...allFiles(node, `${path}/${name}`));
    else files.push({ path: `${path}/${name}`, file: node });
  }
  return files;
}
