/**
 * The first start of a node that joins a running cluster. The id of its directory is on disk before the cluster hears of
 * it (`joining.json`), and is what it asks with: wherever a crash comes, the next start asks with the same one, and
 * gets the same number.
 */
import type { Disk, Random, SocketAddress } from "../../platform/index.ts";
import { DirectoryUnreadableError, IdentityError } from "../errors.ts";
import { type GivenIdentity, openHost, openSecret } from "./identity.ts";
import { type AskToJoin, JoinRefusedError } from "./join-asking.ts";
import type { JoinGrant } from "./join-wire.ts";
import { isHex, parseObject } from "./json-fields.ts";
import { firstRecord, type NodeRecord, nodeKey } from "./node-record.ts";
import { readFileIfThere, removeIfThere, replaceFile } from "./small-file.ts";

const joiningFile = "joining.json";
const format = 1;

export interface JoiningOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly directory: string;
  readonly given: GivenIdentity;
  readonly join: AskToJoin;
}

/** Who a node is, and what it proves that with. */
export interface Identity {
  readonly record: NodeRecord;
  readonly secret: string;
}

/** Joins, and says who the node is from then on. @throws IdentityError (IDENTITY), DiskError, what `join` throws */
export async function joinedIdentity(options: JoiningOptions): Promise<Identity> {
  const { given } = options;
  const { name } = given;
  if (name === undefined) throw new IdentityError("A node that joins a cluster must be told its name.");
  if (given.peers !== undefined)
    throw new IdentityError("A node either joins a cluster, which tells it all others, or is given its peers.");
  const directoryId = await directoryIdFor(options, name);
  const grant = await asked(options, directoryId);
  const secret = given.secret ?? openSecret(grant.names);
  const host = secret === openSecret(grant.names) ? openHost(grant.members.length, given) : undefined;
  if (host !== undefined) {
    const cure = "Give it a loopback address, or all nodes a secret.";
    throw new IdentityError(`Other machines would reach this node (${host}), and the cluster has no secret. ${cure}`);
  }
  const { clusterId, nodeId, names, shardCount, replicaCount, members } = grant;
  const addresses: Record<string, SocketAddress> = {};
  for (const { id, peerAddress } of members) if (peerAddress !== undefined) addresses[nodeKey(names, id)] = peerAddress;
  if (given.address !== undefined) addresses[nodeKey(names, nodeId)] = given.address;
  const known = { clusterId, name, nodeId, names, shardCount, replicaCount, members, directoryId, addresses };
  return { record: firstRecord(known), secret };
}

/** The node is one of the cluster, and `node.json` says so. */
export async function forgetJoining(disk: Disk, directory: string): Promise<void> {
  await removeIfThere(disk, `${directory}/${joiningFile}`);
}

/** Where the cluster is sure to know nothing of the directory, or has removed it, the next start begins anew. */
const uselessFor: ReadonlySet<string> = new Set(["NODE_NAME_TAKEN", "NODE_STATE", "TOO_MANY_NODES"]);

async function asked({ disk, directory, join }: JoiningOptions, directoryId: string): Promise<JoinGrant> {
  try {
    return await join(directoryId);
  } catch (error) {
    const isUseless = error instanceof JoinRefusedError && uselessFor.has(error.reason);
    if (isUseless) await forgetJoining(disk, directory);
    throw error;
  }
}

async function directoryIdFor({ disk, random, directory }: JoiningOptions, name: string): Promise<string> {
  const path = `${directory}/${joiningFile}`;
  const text = await readFileIfThere(disk, path);
  if (text !== undefined) {
    const fields = parseObject(text.toString("utf8"));
    const known = fields?.directoryId;
    if (fields?.format !== format || !isHex(known, 32))
      throw new DirectoryUnreadableError(path, "cannot be read. Choose another directory, and another name.");
    if (fields.name !== name) {
      const cure = "Go on with that name, or choose another directory.";
      throw new IdentityError(`${directory} began to join as node ${String(fields.name)}, not as ${name}. ${cure}`);
    }
    // Who wrote it may have been killed before its name was durable.
    await disk.syncDirectory(directory);
    return known;
  }
  const directoryId = Buffer.from(random.bytes(16)).toString("hex");
  await replaceFile(disk, directory, joiningFile, `${JSON.stringify({ format, name, directoryId }, undefined, 2)}\n`);
  return directoryId;
}
