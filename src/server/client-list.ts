import type { Connection } from "./connection.ts";
import { userName } from "./connection-commands.ts";

/** What a connection costs beside its buffers, roughly. */
const connectionBytes = 4_096;

/** The letters of Redis: a monitor, one that is held, one protected from eviction, or none of these. */
function flagsOf(connection: Connection): string {
  let flags = "";
  if (connection.context.monitors.has(connection)) flags += "O";
  if (connection.isBlocked || connection.isPaused) flags += "b";
  if (connection.isNoEvict) flags += "e";
  return flags === "" ? "N" : flags;
}

/**
 * The line of `CLIENT LIST` and `CLIENT INFO` for one connection. The fields are Redis' 7.0 with the library's of 7.2.
 * There are no file descriptors here: `fd` is -1.
 */
export function clientLine(connection: Connection): string {
  const { context, input, output } = connection;
  const nowMs = context.turnMs;
  const { host, port } = connection.address;
  const local = connection.localAddress;
  const inputBytes = input.bytes;
  const freeBytes = Math.max(input.memoryBytes - inputBytes, 0);
  const readyBytes = output.waitingBytes();
  const untakenBytes = output.untakenBytes;
  const totalBytes = connectionBytes + input.memoryBytes + connection.argumentBytes + readyBytes + untakenBytes;
  const fields = {
    id: connection.id,
    addr: `${host}:${port}`,
    laddr: `${local.host}:${local.port}`,
    fd: -1,
    name: connection.name,
    age: Math.floor((nowMs - connection.createdMs) / 1_000),
    idle: Math.floor((nowMs - connection.lastInputMs) / 1_000),
    flags: flagsOf(connection),
    db: 0,
    sub: 0,
    psub: 0,
    ssub: 0,
    multi: -1,
    qbuf: inputBytes,
    "qbuf-free": freeBytes,
    "argv-mem": connection.argumentBytes,
    "multi-mem": 0,
    rbs: readyBytes,
    rbp: readyBytes,
    obl: readyBytes,
    oll: untakenBytes > 0 ? 1 : 0,
    omem: untakenBytes,
    "tot-mem": totalBytes,
    events: output.untakenBytes > 0 ? "rw" : "r",
    cmd: connection.lastCommand?.name ?? "NULL",
    user: userName,
    redir: -1,
    resp: connection.protocol,
    "lib-name": connection.libraryName,
    "lib-ver": connection.libraryVersion,
  };
  return Object.entries(fields)
    .map(([field, value]) => `${field}=${value}`)
    .join(" ");
}
