/**
 * A node's directory apart from its log: who the node is, how often it has been started, what it remembers of its
 * peers, and the cluster's secret. One process at a time; a lock says so.
 */
import { replicasDefault, type SkippedEntry } from "../../directory/index.ts";
import type { PeerIdentity } from "../../net/index.ts";
import {
  assert,
  type Disk,
  type DiskLock,
  type Logger,
  type Random,
  type SocketAddress,
} from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { replicasMax, shardsMax } from "../../ring/index.ts";
import { DirectoryUnreadableError, IdentityError } from "../errors.ts";
import { checkNotRecovering } from "../recovery/recovery-journal.ts";
import { takeDirectoryLock } from "./directory-lock.ts";
import { derivedClusterId, type GivenIdentity, type NodeAddress, namesOf, openHost, openSecret } from "./identity.ts";
import { forgetJoining, type Identity, joinedIdentity } from "./joining.ts";
import { areSameMembers, firstMembers, type Member, memberOf } from "./member.ts";
import {
  firstRecord,
  formatNodeRecord,
  incarnationsMax,
  type NodeRecord,
  nodeKey,
  nodeRecordFile,
  type PeerMemory,
  parseNodeRecord,
} from "./node-record.ts";
import { readSecret, writeSecret } from "./secret-file.ts";
import { readFileIfThere, replaceFile, syncAncestors } from "./small-file.ts";

export interface NodeDirectoryOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly logger: Logger;
  readonly directory: string;
  readonly given: GivenIdentity;
  /**
   * A recovery opens the directory, which it has taken, and counts this as a run of its own. Undefined: a node does, and must
   * find no recovery under way.
   */
  readonly recovery?: { readonly incarnation: Uint8Array };
}

/** Where a record lasts: undefined for a node that keeps everything in memory. */
interface Place {
  readonly disk: Disk;
  readonly directory: string;
  readonly lock: DiskLock;
}

export class NodeDirectory {
  /** For deriving keys; what stands in the file. */
  readonly secret: string;
  /** Of this run. */
  readonly incarnation: Uint8Array;

  /**
   * Takes the directory, makes it at the first start, and counts this start, durably.
   *
   * @throws DirectoryInUseError (DIRECTORY_IN_USE), DirectoryUnreadableError (DIRECTORY_UNREADABLE), IdentityError
   * (IDENTITY), RecoveryUnfinishedError (RECOVERY_UNFINISHED), DiskError
   */
  static async open(options: NodeDirectoryOptions): Promise<NodeDirectory> {
    const { disk, directory, logger } = options;
    await disk.makeDirectory(directory);
    const lock = options.recovery === undefined ? await takeDirectoryLock(disk, directory) : takenLock;
    try {
      if (options.recovery === undefined) await checkNotRecovering(disk, directory);
      const path = `${directory}/${nodeRecordFile}`;
      const text = await readFileIfThere(disk, path);
      const { record, secret } =
        text === undefined
          ? await firstStart(options)
          : await laterStart(options, parseNodeRecord(path, text.toString("utf8")));
      const own = new NodeDirectory({ record, secret, options, place: { disk, directory, lock } });
      await replaceFile(disk, directory, nodeRecordFile, formatNodeRecord(own.record));
      if (text === undefined) await forgetJoining(disk, directory);
      return own;
    } catch (error) {
      await lock.release();
      throw error;
    } finally {
      logger.log("debug", "the node's directory was opened", { directory });
    }
  }

  /** The same for a node that keeps nothing. @throws IdentityError (IDENTITY) */
  static inMemory(options: Omit<NodeDirectoryOptions, "disk" | "directory">): NodeDirectory {
    if (options.given.join !== undefined)
      throw new IdentityError(
        "A node that joins a cluster needs a directory: without one it would join anew at each start.",
      );
    const { record, secret } = newIdentity(options);
    return new NodeDirectory({ record, secret, options, place: undefined });
  }

  get record(): NodeRecord {
    return this.#record;
  }

  /** This node's number. */
  get nodeId(): number {
    return this.#record.nodeId;
  }

  /** Whether everybody can compute the cluster's secret. */
  get isOpen(): boolean {
    return this.secret === openSecret(this.#record.names);
  }

  /** The nodes of the cluster as far as known here, removed ones included, in the order of their numbers. */
  get members(): readonly Member[] {
    return this.#record.members;
  }

  member(nodeId: number): Member | undefined {
    return this.#record.members.find(({ id }) => id === nodeId);
  }

  /** The numbers of the other nodes, without those that were removed. The same array until they change. */
  get peerIds(): readonly number[] {
    const { members, nodeId } = this.#record;
    if (this.#knownPeers?.members !== members) {
      const ids = members.filter(({ id, state }) => id !== nodeId && state !== "removed").map(({ id }) => id);
      this.#knownPeers = { members, ids };
    }
    return this.#knownPeers.ids;
  }

  /** Of the present bearer of the name; 0 if there is none. */
  nodeIdOf(name: string): number {
    return this.#record.members.find((member) => member.name === name && member.state !== "removed")?.id ?? 0;
  }

  nameOf(nodeId: number): string {
    return this.member(nodeId)?.name ?? `node ${nodeId}`;
  }

  /** Takes what the directory says of all nodes, in the order of their numbers. It is written soon. True if it is news. */
  setMembers(nodes: readonly Member[]): boolean {
    if (areSameMembers(nodes, this.#record.members)) return false;
    this.#change({ members: nodes.map(memberOf) });
    return true;
  }

  /** Where a node listened for its peers when it was heard last, or else as the directory says. */
  addressOf(nodeId: number): SocketAddress | undefined {
    const { addresses, names } = this.#record;
    return addresses[nodeKey(names, nodeId)] ?? this.member(nodeId)?.peerAddress;
  }

  memoryOf(nodeId: number): PeerMemory | undefined {
    return this.#record.peers[nodeKey(this.#record.names, nodeId)];
  }

  /** Of the run that began with this node's `start`-th start; undefined where the directory does not reach back so far. */
  incarnationOf(start: number): Uint8Array | undefined {
    const { incarnations, bootCounter } = this.#record;
    const digits = incarnations[incarnations.length - 1 - (bootCounter - start)];
    return digits === undefined ? undefined : Buffer.from(digits, "hex");
  }

  /** Remembers the highest seen of a peer. It is written soon, not at once. */
  remember(peer: Pick<PeerIdentity, "nodeId" | "directoryId" | "bootCounter" | "incarnation" | "diskEpoch">): void {
    const known = this.memoryOf(peer.nodeId);
    const memory: PeerMemory = {
      directoryId: Buffer.from(peer.directoryId).toString("hex"),
      bootCounter: peer.bootCounter,
      incarnation: Buffer.from(peer.incarnation).toString("hex"),
      diskEpoch: Math.max(peer.diskEpoch, known?.diskEpoch ?? 0),
    };
    const isSame =
      known?.bootCounter === memory.bootCounter &&
      known.diskEpoch === memory.diskEpoch &&
      known.incarnation === memory.incarnation &&
      known.directoryId === memory.directoryId;
    if (isSame) return;
    this.#change({ peers: { ...this.#record.peers, [nodeKey(this.#record.names, peer.nodeId)]: memory } });
  }

  /** The log was opened and writes under this epoch. */
  rememberOwnEpoch(diskEpoch: number): void {
    this.#change({ diskEpoch });
  }

  rememberAddress(nodeId: number, { host, port }: SocketAddress): void {
    const { addresses, names } = this.#record;
    this.#change({ addresses: { ...addresses, [nodeKey(names, nodeId)]: { host, port } } });
  }

  /** The newest replica of a group that was ever to begin here; 0: none but the one from the beginning. */
  replicaOf(group: number): ReplicaId {
    return this.#record.replicas[group] ?? 0;
  }

  /**
   * A replica is about to begin here. True once that is durable, which it must be before the log hears of it; false if it
   * cannot be written now: then it may be written all the same, and the id counts as used.
   */
  async rememberReplica(group: number, replica: ReplicaId): Promise<boolean> {
    assert(replica > this.replicaOf(group), "a replica id is never used again [C-4]");
    this.#change({ replicas: { ...this.#record.replicas, [group]: replica } });
    await this.#writing;
    return this.#place === undefined || this.#durableReplicas[group] === replica;
  }

  /** The entries that replicas leave out. True once that is durable; false if it cannot be written now. */
  async rememberSkips(skips: readonly SkippedEntry[]): Promise<boolean> {
    this.#change({ skips });
    await this.#writing;
    return this.#place === undefined || this.#durableSkips === skips;
  }

  /**
   * What a recovery leaves: the newest replicas of groups, by group, and who is gone for good. True once that is durable.
   */
  async rememberRecovery(replicas: NodeRecord["replicas"], removed: ReadonlySet<number>): Promise<boolean> {
    const members = this.#record.members.map(
      (member): Member => (removed.has(member.id) ? { ...member, state: "removed" } : member),
    );
    this.#change({ members, replicas: { ...this.#record.replicas, ...replicas } });
    const wanted = this.#record.replicas;
    await this.#writing;
    return this.#durableReplicas === wanted;
  }

  /** Resolves when it is written, or cannot be. */
  async rememberRefusal(refusal: string): Promise<void> {
    this.#change({ refusal });
    await this.#writing;
  }

  /** Writes what is not written yet and gives the directory free. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#place?.lock.release();
  }

  readonly #place: Place | undefined;
  readonly #logger: Logger;
  #record: NodeRecord;
  #writing: Promise<void> | undefined;
  #isChanged = false;
  #knownPeers: { readonly members: readonly Member[]; readonly ids: readonly number[] } | undefined;
  /** As the file says that is known to be durable. */
  #durableReplicas: NodeRecord["replicas"] = {};
  #durableSkips: NodeRecord["skips"] = [];

  private constructor(from: {
    readonly record: NodeRecord;
    readonly secret: string;
    readonly options: Pick<NodeDirectoryOptions, "random" | "logger" | "recovery">;
    readonly place: Place | undefined;
  }) {
    this.secret = from.secret;
    this.incarnation = from.options.recovery?.incarnation ?? from.options.random.bytes(16);
    const { bootCounter, incarnations } = from.record;
    const digits = Buffer.from(this.incarnation).toString("hex");
    this.#record = {
      ...from.record,
      bootCounter: bootCounter + 1,
      incarnations: [...incarnations, digits].slice(-incarnationsMax),
    };
    this.#logger = from.options.logger;
    this.#place = from.place;
  }

  #change(changes: Partial<NodeRecord>): void {
    this.#record = { ...this.#record, ...changes };
    this.#isChanged = true;
    if (this.#place !== undefined) this.#writing ??= this.#write(this.#place);
  }

  /** What is remembered of peers is a precaution: a failure is logged and made up for with the next change. */
  async #write({ disk, directory }: Place): Promise<void> {
    try {
      while (this.#isChanged) {
        this.#isChanged = false;
        const { replicas, skips } = this.#record;
        await replaceFile(disk, directory, nodeRecordFile, formatNodeRecord(this.#record));
        this.#durableReplicas = replicas;
        this.#durableSkips = skips;
      }
    } catch (error) {
      this.#logger.log("warn", "what is known of the peers cannot be written", { directory, error: String(error) });
    } finally {
      this.#writing = undefined;
    }
  }
}

/** Somebody else has taken it, and releases it. */
const takenLock: DiskLock = { release: () => Promise.resolve() };

async function firstStart(options: NodeDirectoryOptions): Promise<Identity> {
  const { disk, directory } = options;
  const others = await disk.list(directory);
  if (others.some((name) => name === "log" || name.endsWith(".segment"))) {
    const reason = "is missing, though there is a log beside it. Put it back from the newest copy of this directory.";
    throw new DirectoryUnreadableError(`${directory}/${nodeRecordFile}`, reason);
  }
  await syncAncestors(disk, directory);
  const { join } = options.given;
  const identity = join === undefined ? newIdentity(options) : await joinedIdentity({ ...options, join });
  await writeSecret(disk, directory, identity.secret);
  return identity;
}

async function laterStart(options: NodeDirectoryOptions, record: NodeRecord): Promise<Identity> {
  const { disk, directory, given } = options;
  const secret = await readSecret(disk, directory);
  if (given.shardCount !== undefined && given.shardCount !== record.shardCount) {
    const cure = "The number of shards is fixed when a cluster is created.";
    throw new IdentityError(`${directory} has ${record.shardCount} shards, not ${given.shardCount}. ${cure}`);
  }
  if (given.replicaCount !== undefined && given.replicaCount !== record.replicaCount) {
    const cure = "It is a setting of the running cluster once this has begun.";
    const was = `was created with ${record.replicaCount} replicas of each shard, not ${given.replicaCount}`;
    throw new IdentityError(`${directory} ${was}. ${cure}`);
  }
  const isOpen = secret === openSecret(record.names);
  if (given.secret !== undefined && given.secret !== secret && !isOpen) {
    throw new IdentityError(`${directory} holds another cluster secret than the one given. Leave it out.`);
  }
  if (given.name !== undefined && given.name !== record.name) {
    throw new IdentityError(
      `${directory} belongs to node ${record.name}, not to ${given.name}. Leave the name out, or choose another directory.`,
    );
  }
  if (given.clusterId !== undefined && given.clusterId !== record.clusterId) {
    throw new IdentityError(
      `${directory} belongs to cluster ${record.clusterId}, not to ${given.clusterId}. Leave the id out, or choose another directory.`,
    );
  }
  const names = given.peers === undefined ? record.names : namesOf(record.name, given.peers);
  if (names.join() !== record.names.join()) {
    const cure = "The set of names of a cluster is fixed; addresses may change.";
    throw new IdentityError(`${directory} belongs to a cluster of ${record.names}, not of ${names}. ${cure}`);
  }
  const own = given.address === undefined ? {} : { [nodeKey(names, record.nodeId)]: given.address };
  const addresses = { ...record.addresses, ...addressesOf(given.peers ?? []), ...own };
  const kept = isOpen ? await closedSecret(options, secret, record.members.length) : secret;
  return { record: { ...record, addresses }, secret: kept };
}

/** The secret to go on with where everybody can compute the one that is kept: a given one takes its place. */
async function closedSecret(
  { disk, directory, given, logger }: NodeDirectoryOptions,
  secret: string,
  nodeCount: number,
): Promise<string> {
  if (given.secret !== undefined && given.secret.trim() !== "" && given.secret !== secret) {
    await writeSecret(disk, directory, given.secret);
    logger.log("info", "the node has a cluster secret now", { directory });
    return given.secret;
  }
  const host = openHost(nodeCount, given);
  if (host === undefined) return secret;
  const cure =
    "Make one (openssl rand -hex 32 > cluster-secret), stop all nodes, and start each once with --secret-file cluster-secret.";
  throw new IdentityError(
    `Other machines would reach this node (${host}), and it was first started without a cluster secret. ${cure}`,
  );
}

/** Of a node that has not been started yet. */
function newIdentity(options: Pick<NodeDirectoryOptions, "given" | "logger" | "random">): Identity {
  const { given, logger, random } = options;
  if (given.name === undefined) {
    throw new IdentityError("At its first start a node must be told its name, and all nodes with their addresses.");
  }
  const names = namesOf(given.name, given.peers);
  const secret = given.secret ?? firstSecret(names, given, logger);
  if (secret.trim() === "") throw new IdentityError("The cluster's secret is empty.");
  const clusterId = given.clusterId ?? derivedClusterId(secret, names);
  if (!/^[0-9a-f]{32}$/.test(clusterId))
    throw new IdentityError(`A cluster id has 32 hexadecimal digits: ${clusterId}`);
  const addresses = addressesOf(given.peers ?? []);
  const shardCount = given.shardCount ?? 1;
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > shardsMax)
    throw new IdentityError(`A cluster has 1 to ${shardsMax} shards, not ${shardCount}.`);
  const replicaCount = given.replicaCount ?? replicasDefault(names.length);
  if (!Number.isInteger(replicaCount) || replicaCount < 1 || replicaCount > replicasMax)
    throw new IdentityError(`A shard has 1 to ${replicasMax} replicas, not ${replicaCount}.`);
  const directoryId = Buffer.from(random.bytes(16)).toString("hex");
  const { name } = given;
  return {
    record: firstRecord({
      clusterId,
      name,
      nodeId: names.indexOf(name) + 1,
      names,
      shardCount,
      replicaCount,
      members: firstMembers(names),
      directoryId,
      addresses,
    }),
    secret,
  };
}

/** @throws IdentityError (IDENTITY) where one must be given */
function firstSecret(names: readonly string[], given: GivenIdentity, logger: Logger): string {
  const host = openHost(names.length, given);
  if (host !== undefined) {
    const cure = "Give all nodes the same one at their first start, for example from: openssl rand -hex 32";
    throw new IdentityError(`Nodes that talk over other addresses than loopback (${host}) need a secret. ${cure}`);
  }
  if (names.length > 1)
    logger.log("warn", "no cluster secret: every process on this machine can join as a peer", { names: names.join() });
  return openSecret(names);
}

function addressesOf(peers: readonly NodeAddress[]): Record<string, SocketAddress> {
  return Object.fromEntries(peers.map(({ name, host, port }) => [name, { host, port }]));
}
