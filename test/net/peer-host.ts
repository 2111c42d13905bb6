/** Peer links between nodes of a simulated world, for the tests of `src/net/`. */
import { expect } from "vitest";
import {
  type LinkKind,
  linkKinds,
  type PeerIdentity,
  type PeerLink,
  PeerLinks,
  type PeerLinksSettings,
  type Refusal,
} from "../../src/net/index.ts";
import type { LogLevel, Platform, SocketAddress } from "../../src/platform/index.ts";
import { type NetworkSettings, SimulatedWorld } from "../../src/simulation/index.ts";

/** A node that notes what it hears. */
export class PeerHost {
  readonly links: PeerLinks;
  readonly received: string[] = [];
  readonly downs: string[] = [];
  readonly unreachable: number[] = [];
  readonly refusals: Refusal[] = [];
  readonly warnings: string[] = [];
  readonly addresses: string[] = [];
  readonly platform: Platform;
  readonly nodeId: number;
  readonly incarnation: Uint8Array;
  refuses: Refusal | undefined;
  port: number;
  isUnderstanding = true;

  constructor(
    platform: Platform,
    nodeId: number,
    options: {
      readonly peers: readonly number[];
      readonly bootCounter?: number;
      readonly port?: number;
      /** Default: random. */
      readonly incarnation?: Uint8Array;
      /** What it says of itself. Default: its machine and port. */
      readonly address?: SocketAddress;
      /** Where it believes node 2 to be. */
      readonly addressOfTwo?: SocketAddress;
      readonly secret?: string;
      readonly settings?: Partial<PeerLinksSettings>;
    },
  ) {
    this.platform = platform;
    this.nodeId = nodeId;
    this.port = options.port ?? 17_000;
    this.incarnation = options.incarnation ?? platform.random.bytes(16);
    const own = (): PeerIdentity => ({
      clusterId: new Uint8Array(16),
      shapeDigest: new Uint8Array(8),
      nodeId,
      name: `n${nodeId}`,
      directoryId: new Uint8Array(16),
      bootCounter: options.bootCounter ?? 1,
      incarnation: this.incarnation,
      diskEpoch: 1,
      address: options.address ?? { host: `n${nodeId}`, port: this.port },
    });
    const log = (level: LogLevel, event: string): void => {
      if (level === "warn") this.warnings.push(event);
    };
    this.links = new PeerLinks({
      ...platform,
      logger: { log },
      own,
      secret: Buffer.from(options.secret ?? "secret"),
      peers: options.peers.map((id) => {
        const given = id === 2 ? options.addressOfTwo : undefined;
        return { nodeId: id, name: `n${id}`, address: given ?? { host: `n${id}`, port: 17_000 } };
      }),
      settings: options.settings ?? {},
      handler: {
        startSeen: () => 0,
        incarnationOf: () => undefined,
        admit: () => this.refuses,
        onRefused: (refusal) => this.refusals.push(refusal),
        onUp: () => {},
        onDown: (link, reason) => this.downs.push(`${link.kind} ${reason}`),
        onUnreachable: (id) => this.unreachable.push(id),
        onAddress: (_, { port }) => this.addresses.push(String(port)),
        onMessage: (link, type, payload) => {
          this.received.push(`${link.kind} ${type} ${payload.byteString()}`);
          return this.isUnderstanding;
        },
        onMessagesEnd: () => {},
        onDrain: () => {},
      },
    });
  }

  async start(): Promise<void> {
    await this.links.listen({ host: "0.0.0.0", port: this.port });
    this.links.start();
  }

  kindsUp(nodeId: number): readonly LinkKind[] {
    return linkKinds.filter((kind) => this.links.link(nodeId, kind) !== undefined);
  }

  send(nodeId: number, kind: LinkKind, text: string): void {
    const link = this.links.link(nodeId, kind) as PeerLink;
    link.begin(7, text.length + 4).byteString(text);
    link.end();
    link.flush();
  }
}

export interface Pair {
  readonly world: SimulatedWorld;
  readonly one: PeerHost;
  readonly two: PeerHost;
}

export async function connectedPair(
  settings: Partial<PeerLinksSettings> = {},
  network: Partial<NetworkSettings> = {},
): Promise<Pair> {
  const world = new SimulatedWorld({ seed: 7, network });
  const one = new PeerHost(world.machine("n1").start(), 1, { peers: [2], settings });
  const two = new PeerHost(world.machine("n2").start(), 2, { peers: [1], settings });
  await world.until(Promise.all([one.start(), two.start()]));
  await untilConnected(world, one, two);
  return { world, one, two };
}

export async function untilConnected(world: SimulatedWorld, one: PeerHost, two: PeerHost): Promise<void> {
  const isUp = (): boolean => one.kindsUp(two.nodeId).length === 3 && two.kindsUp(one.nodeId).length === 3;
  expect(await world.runUntil(isUp, 10_000)).toBe(true);
}
