/**
 * The folder of a demo: one folder a node, and beside them
 *
 *     demo.json      how many nodes and shards there are, for the next start
 *     secret         with which the nodes know each other (only its owner may read it)
 *     control.json   where the running demo is to be found; there only while it runs
 */
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Disk, DiskError, type DiskLock, type Random } from "../platform/index.ts";
import { controlFile } from "./demo-attachment.ts";
import type { ControlAddress } from "./demo-control.ts";
import { directoryError, errnoOf, prepareDirectory, readFileIfThere, writeFileDurably } from "./directory.ts";
import { parseObject } from "./json-object.ts";
import { DemoMismatchError, DirectoryInUseError, DirectoryUnusableError } from "./refusal.ts";

/** The number of nodes of a new demo. */
export const nodeCountDefault = 3;

const format = 1;
const temporaryPrefix = "coterie-demo-";

export interface DemoDirectoryOptions {
  /** Undefined: a fresh temporary folder, removed at the end. */
  readonly directory: string | undefined;
  /** Undefined: as many as the folder was made for, or three. */
  readonly nodeCount: number | undefined;
  /** Undefined: as many as the folder was made for, or one. */
  readonly shards: number | undefined;
}

/** Owned by the demo that opened it until `close`. */
export class DemoDirectory {
  readonly path: string;
  readonly names: readonly string[];
  readonly shards: number;
  readonly secret: string;
  readonly isTemporary: boolean;
  readonly #lock: DiskLock;

  private constructor(path: string, plan: Plan, isTemporary: boolean, lock: DiskLock) {
    this.path = path;
    this.names = plan.names;
    this.shards = plan.shards;
    this.secret = plan.secret;
    this.isTemporary = isTemporary;
    this.#lock = lock;
  }

  /** @throws DIRECTORY_UNUSABLE, DIRECTORY_IN_USE, DEMO_MISMATCH */
  static async open(
    world: { readonly disk: Disk; readonly random: Random },
    options: DemoDirectoryOptions,
  ): Promise<DemoDirectory> {
    const isTemporary = options.directory === undefined;
    const path = options.directory === undefined ? makeTemporary() : resolve(options.directory);
    prepareDirectory(path);
    const lock = await lockDirectory(world.disk, path);
    try {
      const plan = loadPlan(path, options) ?? createPlan(path, world.random, options);
      return new DemoDirectory(path, plan, isTemporary, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  nodeDirectory(name: string): string {
    return join(this.path, name);
  }

  /** Lets nodes that are started by hand find the demo. */
  publish(address: ControlAddress): void {
    const text = JSON.stringify({ ...address, isTemporary: this.isTemporary });
    writeFileDurably(controlFile(this.path), `${text}\n`, 0o600);
  }

  /** Removes what belongs to this run: the whole folder, if it was a temporary one. */
  async close(): Promise<void> {
    rmSync(controlFile(this.path), { force: true });
    if (this.isTemporary) rmSync(this.path, { recursive: true, force: true });
    await this.#lock.release();
  }
}

/** "n1", "n2", … */
export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `n${index + 1}`);
}

/**
 * For a node whose demo was killed: the last node of a temporary demo removes its folder, since nobody else will.
 * Nothing happens in any other folder.
 */
export function removeAbandonedDemo(nodeDirectory: string, isProcessAlive: (pid: number) => boolean): void {
  const demoDirectory = resolve(nodeDirectory, "..");
  const { isTemporary } = parseObject(readFileIfThere(controlFile(demoDirectory)) ?? "") ?? {};
  if (isTemporary !== true || !demoDirectory.startsWith(join(realpathSync(tmpdir()), temporaryPrefix))) return;
  try {
    removeIfLast(demoDirectory, nodeDirectory, isProcessAlive);
  } catch (error) {
    // Two that end at once both think that they are the last: what one does not find the other has removed.
    if (!["ENOENT", "ENOTEMPTY"].includes(errnoOf(error))) throw error;
  }
}

/** Each node removes its own folder first and looks at the others after that, so that the last one sees none. */
function removeIfLast(demoDirectory: string, nodeDirectory: string, isProcessAlive: (pid: number) => boolean): void {
  rmSync(nodeDirectory, { recursive: true, force: true });
  for (const entry of readdirSync(demoDirectory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const pid = Number(readFileIfThere(join(demoDirectory, entry.name, "coterie.pid")) ?? Number.NaN);
    if (Number.isSafeInteger(pid) && isProcessAlive(pid)) return;
  }
  rmSync(demoDirectory, { recursive: true, force: true });
}

/** Takes the directory for this process. @throws DIRECTORY_IN_USE */
async function lockDirectory(disk: Disk, path: string): Promise<DiskLock> {
  try {
    return await disk.lock(path);
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== "ELOCKED") throw directoryError(path, error);
    throw new DirectoryInUseError(path, `${path} is in use by another demo. Stop that one, or choose another --dir.`, {
      cause: error,
    });
  }
}

function makeTemporary(): string {
  const parent = tmpdir();
  try {
    return realpathSync(mkdtempSync(join(parent, temporaryPrefix)));
  } catch (error) {
    throw directoryError(parent, error);
  }
}

interface Plan {
  readonly names: readonly string[];
  readonly shards: number;
  readonly secret: string;
}

function loadPlan(path: string, { nodeCount, shards: wanted }: DemoDirectoryOptions): Plan | undefined {
  const text = readFileIfThere(join(path, "demo.json"));
  if (text === undefined) return undefined;
  const { format: found, nodes, shards = 1 } = parseObject(text) ?? {};
  const secret = readFileIfThere(join(path, "secret"))?.trim();
  const isRead = found === format && typeof nodes === "number" && typeof shards === "number";
  if (!isRead || secret === undefined || !/^[0-9a-f]{64}$/.test(secret)) {
    throw new DirectoryUnusableError(
      path,
      `${path} holds a demo that this version cannot read (demo.json, secret). Choose another --dir.`,
    );
  }
  if (nodeCount !== undefined && nodeCount !== nodes) {
    throw new DemoMismatchError(
      `${path} holds a demo of ${nodes} nodes, not ${nodeCount}. Leave --nodes out to go on with it, or choose another --dir.`,
    );
  }
  if (wanted !== undefined && wanted !== shards) {
    throw new DemoMismatchError(
      `${path} holds a demo of ${shards} ${shards === 1 ? "shard" : "shards"}, not ${wanted}. Leave --shards out to go on with it, or choose another --dir.`,
    );
  }
  return { names: nodeNames(nodes), shards, secret };
}

function createPlan(path: string, random: Random, options: DemoDirectoryOptions): Plan {
  const { nodeCount = nodeCountDefault, shards = 1 } = options;
  const strange = readdirSync(path).filter((name) => name !== "secret" && !name.startsWith("."));
  if (strange.length > 0) {
    throw new DirectoryUnusableError(
      path,
      `${path} is not empty and holds no demo (there is ${strange[0]}). Choose an empty or a new --dir.`,
    );
  }
  const secret = Buffer.from(random.bytes(32)).toString("hex");
  // The secret first: a folder with demo.json is complete.
  writeFileDurably(join(path, "secret"), `${secret}\n`, 0o600);
  writeFileDurably(join(path, "demo.json"), `${JSON.stringify({ format, nodes: nodeCount, shards })}\n`, 0o600);
  return { names: nodeNames(nodeCount), shards, secret };
}
