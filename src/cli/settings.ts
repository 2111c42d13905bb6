/**
 * What `coterie start` remembers of its flags in the node's directory (`settings.json`), so that `--dir` alone brings
 * the node back. Who the node is stands in files of `cluster/`; secrets never stand here.
 */
import { join } from "node:path";
import type { SocketAddress } from "../platform/index.ts";
import { readFileIfThere, writeFileDurably } from "./directory.ts";
import { fieldsOf, parseObject } from "./json-object.ts";
import { DirectoryUnusableError } from "./refusal.ts";

export interface Settings {
  /** Where Redis clients are served. */
  readonly bind: string;
  readonly port: number;
  /** Where clients of Redis Cluster are served; undefined: 100 above `port`. */
  readonly clusterPort: number | undefined;
  /** Where HTTP is served; undefined: 1000 above `port`. */
  readonly httpPort: number | undefined;
  /** Where peers are listened for, if it is not the node's own address among the peers. */
  readonly peerBind: string | undefined;
  readonly peerPort: number | undefined;
  /** Where the cluster was asked, or is to be asked, by a node that joins or joined it. */
  readonly join: SocketAddress | undefined;
  /** The node had a password: it does not start without one. */
  readonly needsPassword: boolean;
  /** Absolute; read again at every start. */
  readonly passwordFile: string | undefined;
}

const format = 1;

/** The settings of the last start, or undefined before the first. */
export function loadSettings(directory: string): Settings | undefined {
  const path = join(directory, "settings.json");
  const text = readFileIfThere(path);
  return text === undefined ? undefined : parseSettings(directory, path, text);
}

export function saveSettings(directory: string, settings: Settings): void {
  const text = `${JSON.stringify({ format, ...settings }, undefined, 2)}\n`;
  writeFileDurably(join(directory, "settings.json"), text, 0o600);
}

function parseSettings(directory: string, path: string, text: string): Settings {
  const broken = (what: string): DirectoryUnusableError =>
    new DirectoryUnusableError(
      directory,
      `${path} ${what}. Remove the file and start once with --port (and --bind, --peer-port, --password-file where they were used); the data is not touched.`,
    );
  const fields = parseObject(text);
  if (fields === undefined) throw broken("cannot be read");
  if (fields.format !== format) throw broken(`has format ${String(fields.format)}, this version knows ${format}`);
  const { host: joinHost, port: joinPort } = fieldsOf(fields.join);
  const { bind, port, clusterPort, httpPort, peerBind, peerPort, needsPassword, passwordFile } = fields;
  if (typeof bind !== "string" || !isPort(port) || typeof needsPassword !== "boolean") throw broken("is incomplete");
  return {
    bind,
    port,
    clusterPort: isPort(clusterPort) ? clusterPort : undefined,
    httpPort: isPort(httpPort) ? httpPort : undefined,
    peerBind: typeof peerBind === "string" ? peerBind : undefined,
    peerPort: isPort(peerPort) ? peerPort : undefined,
    join: typeof joinHost === "string" && isPort(joinPort) ? { host: joinHost, port: joinPort } : undefined,
    needsPassword,
    passwordFile: typeof passwordFile === "string" ? passwordFile : undefined,
  };
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535;
}
