/** What a start means, decided from its flags and from what the directory remembers, before anything is opened. */
import { isLoopback } from "../platform/index.ts";
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
  /** How nodes prove that they belong together; undefined where the directory knows it, and none was given. */
  readonly secret: ClusterSecret | undefined;
  readonly settings: Settings;
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
  if (context.hasNode) {
    checkPeers(flags.peers, flags.name);
    const { name, peers, shards } = flags;
    return { name, peers, shards, secret: givenSecret(context.secret), settings };
  }
  const peers = flags.peers;
  if (peers === undefined) throw new PeersMissingError(peersMissingText(context.directory, flags.name ?? "n1"));
  const name = flags.name ?? (peers.length === 1 ? peers[0]?.name : undefined);
  if (name === undefined) {
    const names = peers.map((peer) => peer.name).join(", ");
    throw new UsageError(`Which of ${names} is this node? Say so with --name at its first start.`);
  }
  checkPeers(peers, name);
  const hosts = [settings.bind, ...(settings.peerBind === undefined ? [] : [settings.peerBind])];
  const secret = planSecret(peers, { secret: context.secret, hosts });
  return { name, peers, shards: flags.shards, secret, settings };
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
  return `${place} needs --name and --peers, such as --name ${name} --peers n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003.`;
}
