/** What a start means, decided from its flags and from what the directory remembers, before anything is opened. */
import { isLoopback, type SocketAddress } from "../platform/index.ts";
import { peerPortOf } from "./argument.ts";
import type { Password } from "./password.ts";
import type { Peer } from "./peer-list.ts";
import { PasswordRequiredError, PeersMissingError, SecretRequiredError, UsageError } from "./refusal.ts";
import type { Settings } from "./settings.ts";
import type { StartFlags } from "./start-command.ts";

/** The port of the first node of a demo, and of a node that is not told another (DESIGN §12). */
export const redisPortDefault = 7_001;

const secretCharactersMin = 16;

export interface StartContext {
  /** Undefined in memory. */
  readonly directory: string | undefined;
  /** What the directory remembers. */
  readonly settings: Settings | undefined;
  /** The directory holds a node already. */
  readonly hasNode: boolean;
  readonly password: Password | undefined;
  /** `--secret-file` or `COTERIE_SECRET`. */
  readonly secret: string | undefined;
}

export interface StartPlan {
  /** Undefined where the directory knows it. */
  readonly name: string | undefined;
  /** Undefined where the directory knows them, and none were given. */
  readonly peers: readonly Peer[] | undefined;
  /** Undefined where the directory knows it, or one is enough. */
  readonly shards: number | undefined;
  /** Undefined where the directory knows it, or the usual number will do. */
  readonly replicas: number | undefined;
  /** Set for a node that joins a cluster, or joined it; at later starts where to ask when it finds nobody. */
  readonly join: JoinPlan | undefined;
  /** What the cluster is to know of the node; undefined: what it knows, or the usual. */
  readonly zone: string | undefined;
  readonly weight: number | undefined;
  /** Where the others reach a node that joined, if that is said. */
  readonly peerAddress: SocketAddress | undefined;
  /** How nodes prove that they belong together; undefined where the directory knows it, and none was given. */
  readonly secret: ClusterSecret | undefined;
  readonly settings: Settings;
}

export interface JoinPlan {
  /** The Redis port of a node of the cluster. */
  readonly at: SocketAddress;
  /** Where the others will reach the node; without a host, whence it asks. */
  readonly peer: { readonly host: string | undefined; readonly port: number };
}

export type ClusterSecret =
  | { readonly kind: "given"; readonly text: string }
  /** Nobody else has to know it: a cluster of one node. */
  | { readonly kind: "random" }
  /** The same for everybody: on loopback, where every program of the machine reaches the Redis port as well. */
  | { readonly kind: "open" };

/** @throws USAGE, PEERS_MISSING, PASSWORD_REQUIRED, SECRET_REQUIRED */
export function planStart(flags: StartFlags, context: StartContext): StartPlan {
  const settings = planSettings(flags, context);
  const { peers, shards, replicas, zone, weight, peerAddress } = flags;
  const told = { peers, shards, replicas, join: undefined, zone, weight, peerAddress, settings };
  if (context.hasNode) {
    checkPeers(peers, flags.name);
    const at = settings.join;
    // What the others call it, it knows.
    const join = at === undefined ? undefined : { at, peer: { host: undefined, port: 0 } };
    return { ...told, name: flags.name, join, secret: givenSecret(context.secret) };
  }
  if (flags.join !== undefined) return planJoin(flags, flags.join, { context, settings });
  if (peerAddress !== undefined)
    throw new UsageError("--peer-address is for a node that joins a cluster. Give --join as well, or leave it out.");
  if (peers === undefined) throw new PeersMissingError(peersMissingText(context.directory, flags.name ?? "n1"));
  const name = flags.name ?? (peers.length === 1 ? peers[0]?.name : undefined);
  if (name === undefined) {
    const names = peers.map((peer) => peer.name).join(", ");
    throw new UsageError(`Which of ${names} is this node? Say so with --name at its first start.`);
  }
  checkPeers(peers, name);
  const hosts = [settings.bind, ...(settings.peerBind === undefined ? [] : [settings.peerBind])];
  const secret = planSecret(peers, { secret: context.secret, hosts });
  return { ...told, peers, name, secret };
}

function planJoin(
  flags: StartFlags,
  at: SocketAddress,
  { context, settings }: { readonly context: StartContext; readonly settings: Settings },
): StartPlan {
  const { name, zone, weight, peerAddress } = flags;
  if (flags.peers !== undefined)
    throw new UsageError("--join and --peers exclude each other: a node that joins is told all others by the cluster.");
  if (flags.shards !== undefined || flags.replicas !== undefined)
    throw new UsageError("--shards and --replicas are settled when a cluster is created. Leave them out with --join.");
  if (context.directory === undefined)
    throw new UsageError("A node in memory cannot join: it would come back as another one each time. Give it --dir.");
  if (name === undefined)
    throw new UsageError("Which node joins? Give it a --name that no other node has, such as n4.");
  const secret = givenSecret(context.secret);
  const hosts = [settings.bind, settings.peerBind, peerAddress?.host].filter((host) => host !== undefined);
  const open = hosts.find((host) => !isLoopback(host));
  if (secret === undefined && open !== undefined) {
    throw new SecretRequiredError(
      `A node that others can reach (${open}) joins with the cluster's secret. Give --secret-file, a copy of the file \`secret\` in any node's directory.`,
    );
  }
  const { peerBind, peerPort = peerPortOf(settings.port) } = settings;
  const isAny = peerBind === "0.0.0.0" || peerBind === "::";
  const peer = peerAddress ?? { host: isAny ? undefined : peerBind, port: peerPort };
  const untold = { peers: undefined, shards: undefined, replicas: undefined };
  return { ...untold, name, join: { at, peer }, zone, weight, peerAddress, secret, settings };
}

function planSettings(flags: StartFlags, context: StartContext): Settings {
  const { password, settings: saved } = context;
  const bind = flags.bind ?? saved?.bind ?? "127.0.0.1";
  if (password === undefined && !isLoopback(bind)) {
    throw new PasswordRequiredError(
      `--bind ${bind} would open the Redis port to other machines without a password. Set COTERIE_PASSWORD or --password-file, or leave --bind out.`,
    );
  }
  if (password === undefined && saved?.needsPassword === true && flags.openAccess !== true) {
    throw new PasswordRequiredError(
      "This node had a password at its last start, and passwords are not remembered. Set COTERIE_PASSWORD or --password-file, or open it with --open-access.",
    );
  }
  return {
    bind,
    port: flags.port ?? saved?.port ?? redisPortDefault,
    clusterPort: flags.clusterPort ?? saved?.clusterPort,
    httpPort: flags.httpPort ?? saved?.httpPort,
    peerBind: flags.peerBind ?? saved?.peerBind,
    peerPort: flags.peerPort ?? saved?.peerPort,
    join: flags.join ?? saved?.join,
    needsPassword: password !== undefined,
    passwordFile: password?.file,
  };
}

function checkPeers(peers: readonly Peer[] | undefined, name: string | undefined): void {
  if (peers === undefined || name === undefined || peers.some((peer) => peer.name === name)) return;
  const names = peers.map((peer) => peer.name).join(", ");
  throw new UsageError(`--name ${name} is not among the --peers (${names}). The list names every node, this one too.`);
}

function planSecret(
  peers: readonly Peer[],
  context: { readonly secret: string | undefined; readonly hosts: readonly string[] },
): ClusterSecret {
  const given = givenSecret(context.secret);
  if (given !== undefined) return given;
  if (peers.length === 1) return { kind: "random" };
  const open = [...context.hosts, ...peers.map((peer) => peer.host)].find((host) => !isLoopback(host));
  if (open === undefined) return { kind: "open" };
  throw new SecretRequiredError(
    `Nodes that others can reach (${open}) share a secret by which they know each other. Make one (openssl rand -hex 32 > cluster-secret) and give every node --secret-file cluster-secret at its first start.`,
  );
}

function givenSecret(text: string | undefined): ClusterSecret | undefined {
  if (text === undefined || text.length >= secretCharactersMin)
    return text === undefined ? text : { kind: "given", text };
  throw new UsageError(
    `The cluster's secret has fewer than ${secretCharactersMin} characters. Make one with: openssl rand -hex 32`,
  );
}

function peersMissingText(directory: string | undefined, name: string): string {
  const place = directory === undefined ? "A node in memory" : `${directory} holds no node yet; its first start`;
  return `${place} needs --name and --peers, such as --name ${name} --peers n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003. To join a cluster that runs, give --join with the Redis port of any of its nodes instead.`;
}
