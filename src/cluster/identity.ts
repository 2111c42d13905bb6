/** From what a node is told at its start to who it is. */
import { createHash, createHmac } from "node:crypto";
import type { Logger, SocketAddress } from "../platform/index.ts";
import { IdentityError } from "./errors.ts";

/** One node as the configuration names it. */
export interface NodeAddress extends SocketAddress {
  readonly name: string;
}

/** What a node may be told about itself. At its first start everything that it needs, later nothing, or new addresses. */
export interface GivenIdentity {
  readonly name: string | undefined;
  /** All nodes, its own entry included. Undefined at the first start: it is alone. */
  readonly peers: readonly NodeAddress[] | undefined;
  /** 32 hexadecimal digits. Default: follows from the secret and the names. */
  readonly clusterId: string | undefined;
  /** Shared by all nodes of the cluster. */
  readonly secret: string | undefined;
}

/** The names of `peers`, sorted. @throws IdentityError (IDENTITY) */
export function namesOf(name: string, peers: readonly NodeAddress[] | undefined): readonly string[] {
  if (peers === undefined) return [name];
  const names = peers.map((peer) => peer.name).toSorted();
  if (new Set(names).size !== names.length) throw new IdentityError(`A name stands twice among the peers: ${names}.`);
  if (!names.includes(name)) {
    throw new IdentityError(`The node is called ${name}, but the peers are ${names}: add its own entry.`);
  }
  return names;
}

/**
 * The secret to use where none was given: for a cluster whose nodes all talk over loopback one that everybody on this
 * machine can compute; that is worth a warning.
 *
 * @throws IdentityError (IDENTITY) where a secret is needed
 */
export function defaultSecret(
  peers: readonly NodeAddress[] | undefined,
  names: readonly string[],
  logger: Logger,
): string {
  if (peers !== undefined && peers.length > 1) {
    const open = peers.find((peer) => !isLoopback(peer.host));
    if (open !== undefined) {
      const cure = "Give all nodes the same one at their first start, for example from: openssl rand -hex 32";
      throw new IdentityError(
        `Nodes that talk over other addresses than loopback (${open.host}) need a secret. ${cure}`,
      );
    }
    logger.log("warn", "no cluster secret: every process on this machine can join as a peer", { names: names.join() });
  }
  return createHash("sha256")
    .update(`coterie without a secret\0${names.join("\0")}`)
    .digest("hex");
}

export function derivedClusterId(secret: string, names: readonly string[]): string {
  return createHmac("sha256", secret)
    .update(`cluster\0${names.join("\0")}`)
    .digest("hex")
    .slice(0, 32);
}

/** Eight bytes that tell one set of names from another. */
export function namesDigest(names: readonly string[]): Uint8Array {
  return createHash("sha256").update(names.join("\0")).digest().subarray(0, 8);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
