import { createHash, randomBytes, randomInt } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, realpath, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert } from "./assert.ts";
import { DiskError, type DiskLock } from "./disk.ts";
import { toDiskError } from "./node-file.ts";

/**
 * A directory is held by a listening local socket: the operating system closes it with the process, however that
 * ends, and keeps it while the process is merely stopped.
 *
 * - Linux: an abstract socket, which has no file, so none is left behind and binding decides races. It is seen within
 *   one network namespace: containers that share a folder but no network are not kept apart.
 * - Windows: a named pipe, to the same effect.
 * - Elsewhere: socket files, see {@link lockByFiles}.
 *
 * The name is made of the directory's device and inode, so every path to it gives the same one. The directory stays open
 * as long as it is held: should somebody remove it meanwhile, no other gets its inode.
 */
export async function lockDirectory(directory: string): Promise<DiskLock> {
  // On Windows an open directory cannot be removed, and its number is not given to another soon.
  const handle = process.platform === "win32" ? undefined : await openDirectory(directory);
  try {
    const path = await realpath(directory);
    const { dev, ino } =
      handle === undefined ? await stat(path, { bigint: true }) : await handle.stat({ bigint: true });
    const name = createHash("sha256").update(`${dev}:${ino}`).digest("hex");
    const lock = await lockByPlatform(path, name, directory);
    return { release: () => lock.release().then(() => handle?.close()) };
  } catch (error) {
    await handle?.close();
    throw error instanceof DiskError ? error : toDiskError(error, "lock", directory);
  }
}

async function openDirectory(directory: string): Promise<FileHandle> {
  try {
    return await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw toDiskError(error, "lock", directory);
  }
}

async function lockByPlatform(path: string, name: string, directory: string): Promise<DiskLock> {
  if (process.platform === "linux") return lockByName(abstractName(name), directory);
  if (process.platform === "win32") return lockByName(`\\\\.\\pipe\\coterie-${name}`, directory);
  return lockByFiles(await socketFolder(path, name), directory);
}

/** Always the full length of `sun_path`: Node before 22 pads shorter names with zeros, later ones do not. */
function abstractName(name: string): string {
  return `\0coterie-${name}`.padEnd(108, "-");
}

async function lockByName(name: string, directory: string): Promise<DiskLock> {
  const server = await listen(name);
  if (server === undefined) throw new DiskError("ELOCKED", "lock", directory);
  return { release: () => closed(server) };
}

/** `sun_path` holds 104 bytes on macOS and the BSDs, 108 on Linux. */
const socketPathBytesMax = 100;
const socketFilePrefix = "lock-";
/** Two that start at once may each find the other; they try again after a random delay. */
const attemptsMax = 5;
const attemptDelayMsMax = 40;

/** The directory itself, or, where its path is too long for a socket, one in the folder for temporary files. */
export async function socketFolder(directory: string, name: string): Promise<string> {
  if (Buffer.byteLength(join(directory, newSocketFile())) <= socketPathBytesMax) return directory;
  const folder = join(tmpdir(), `coterie-${name.slice(0, 16)}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * The lock where sockets have files. Each candidate listens under a name of its own that nobody ever had, then
 * looks at all others: it holds the directory if no other answers and its own file is still there, and only then
 * removes the dead ones' files. Of two candidates the one that began to listen later sees the other, so two never hold. The
 * file of a candidate that has bound and does not listen yet looks dead; whoever takes it for dead was listening before
 * and still is when it removes that file, so the candidate finds either that one or its own file gone.
 */
export async function lockByFiles(folder: string, directory: string): Promise<DiskLock> {
  for (let attempt = 1; ; attempt++) {
    const own = newSocketFile();
    const server = await listen(join(folder, own));
    assert(server !== undefined, "the name of a socket file is random");
    const others = await socketFiles(folder);
    const isOwnThere = others.delete(own);
    const alive = await Promise.all(Array.from(others, (name) => isListening(join(folder, name))));
    if (isOwnThere && !alive.includes(true)) {
      await Promise.all(Array.from(others, (name) => unlink(join(folder, name)).catch(() => {})));
      return { release: () => closed(server) };
    }
    await closed(server);
    if (attempt === attemptsMax) throw new DiskError("ELOCKED", "lock", directory);
    await new Promise<void>((resolve) => {
      setTimeout(resolve, randomInt(attemptDelayMsMax));
    });
  }
}

function newSocketFile(): string {
  return socketFilePrefix + randomBytes(8).toString("hex");
}

async function socketFiles(folder: string): Promise<Set<string>> {
  const names = await readdir(folder);
  return new Set(names.filter((name) => name.startsWith(socketFilePrefix)));
}

/** In doubt yes: only "nobody listens" and "no such file" mean no. */
function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", (error) => {
      resolve(!("code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT")));
    });
  });
}

/** Undefined if the name is taken. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => {
      if ("code" in error && error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.on("error", () => {}); // E.g. EMFILE for somebody who asks whether we live.
      server.unref(); // The lock alone does not keep the process alive.
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
