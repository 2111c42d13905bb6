import { InvalidArgumentError } from "../channels/index.ts";
import { AddressUnavailableError, parseAddress } from "../net/index.ts";
import {
  assert,
  type Clock,
  type DatagramNetwork,
  type DatagramSocket,
  type Logger,
  NetworkError,
  type Random,
  type SocketAddress,
  silentLogger,
  type Timer,
} from "../platform/index.ts";
import { GossipCore, type GossipCounters } from "./core.ts";
import type { GossipEvent, LeaderHint, Member, MemberAddress } from "./member.ts";
import { checkedSettings, type GossipSettings } from "./settings.ts";

/** Asks members over a stream whether they are there; their process must answer, not only its operating system. */
export interface StreamProber {
  /** Calls `answered` once, or never. What comes after `timeoutMs` is of no use any more. */
  probe(member: Member, timeoutMs: number, answered: () => void): void;
}

export interface GossipOptions {
  /** A safe integer, not negative, that no other member of the cluster has. */
  readonly id: number;
  /** One more than the last one that {@link onIncarnation} was given; 1 at the first start. */
  readonly incarnation: number;
  /** At most 64 bytes. Default: the id. */
  readonly name?: string;
  /** At most 64 bytes. Default: none. */
  readonly zone?: string;
  /** From 1 to 10,000. Default 100. */
  readonly weight?: number;
  /** Where datagrams are taken; port 0 takes any free one. */
  readonly bind: string | SocketAddress;
  /** Where others send them, if that is another address. Needed where `bind` names no host. */
  readonly advertise?: string | SocketAddress;
  /** Where else the member can be reached, and for what. At most six. */
  readonly addresses?: readonly MemberAddress[];
  /** Some members' addresses, dead ones among them do no harm. None: it waits until it is found. */
  readonly seeds?: readonly (string | SocketAddress)[];
  /** Bytes or text that belong to the cluster alone. */
  readonly clusterId: Uint8Array | string;
  /** Known to the members of the cluster alone. Without it whoever reaches the port can join, and accuse. */
  readonly secret?: Uint8Array;
  readonly settings?: Partial<GossipSettings>;
  readonly clock: Clock;
  readonly random: Random;
  readonly datagrams: DatagramNetwork;
  readonly logger?: Logger;
  /** Default: none; datagrams alone decide then. */
  readonly streamProber?: StreamProber;
  readonly onEvent?: (event: GossipEvent) => void;
  /** The incarnation has risen, and is to be kept for the next start. Losing it does no harm that others cannot mend. */
  readonly onIncarnation?: (incarnation: number) => void;
}

/** Datagrams that the operating system has not taken yet; further ones are dropped and counted. */
const pendingSendsMax = 1_024;
/** After saying that it leaves, a member tells it for so many gossip intervals. */
const leaveIntervals = 5;

/**
 * One member of a cluster that finds out by itself who else is there, who is alive, and who leads what. It gives hints: what
 * it says may be old, and two members may hold different things for a while. Nothing that must not go wrong may rest on it.
 *
 * Whoever starts it closes it; `await using` does.
 */
export class Gossip {
  /**
   * Binds the port and begins to look for others.
   * @throws InvalidArgumentError (INVALID_ARGUMENT), InvalidAddressError (INVALID_ADDRESS), AddressUnavailableError
   * (ADDRESS_UNAVAILABLE)
   */
  static async start(options: GossipOptions): Promise<Gossip> {
    const settings = checkedSettings(options.settings ?? {});
    const seeds = (options.seeds ?? []).map(addressFrom);
    const bind = addressFrom(options.bind);
    const advertised = options.advertise === undefined ? bind : addressFrom(options.advertise);
    if (["", "0.0.0.0", "::"].includes(advertised.host)) {
      throw new InvalidArgumentError(
        `others cannot send to ${JSON.stringify(advertised.host)}: say where by advertise`,
      );
    }
    const gossip = new Gossip(options);
    const handlers = {
      onMessage: (bytes: Uint8Array, from: SocketAddress): void => gossip.#receive(bytes, from),
      onError: (error: NetworkError): void => gossip.#logger.log("debug", "datagram failed", { code: error.code }),
    };
    let socket: DatagramSocket;
    try {
      socket = await options.datagrams.bind(bind, handlers);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      throw new AddressUnavailableError(bind, error.code, { cause: error });
    }
    try {
      const { id, incarnation, name = `${id}`, zone = "", weight = 100, addresses = [], clusterId, secret } = options;
      const port = advertised.port === 0 ? socket.localAddress.port : advertised.port;
      gossip.#core = new GossipCore({
        id,
        incarnation,
        details: { name, zone, weight, address: { host: advertised.host, port }, addresses },
        seeds,
        settings,
        random: options.random,
        nowMs: options.clock.nowMs(),
        clusterId: typeof clusterId === "string" ? Buffer.from(clusterId) : clusterId,
        ...(secret !== undefined && { secret }),
      });
    } catch (error) {
      await socket.close();
      throw error;
    }
    gossip.#socket = socket;
    gossip.#keptIncarnation = options.incarnation;
    gossip.#leaveMs = settings.gossipIntervalMs * leaveIntervals;
    gossip.#settle();
    return gossip;
  }

  /** Where it takes datagrams. */
  get localAddress(): SocketAddress {
    assert(this.#socket !== undefined, "a member is handed out when it is bound");
    return this.#socket.localAddress;
  }

  /** All that are known, the dead and this one included, by id. */
  members(): readonly Member[] {
    return this.#running.members();
  }

  find(id: number): Member | undefined {
    return this.#running.find(id);
  }

  /** The leader of `shard` in the highest term that was heard of. It may lead no more. */
  leaderOf(shard: number): LeaderHint | undefined {
    return this.#running.leaderOf(shard);
  }

  /** By shard. */
  leaders(): readonly LeaderHint[] {
    return this.#running.leaders();
  }

  /** Tells all who leads a shard. @throws InvalidArgumentError (INVALID_ARGUMENT) */
  tellLeader(hint: LeaderHint): void {
    this.#running.tellLeader(hint, this.#clock.nowMs());
    this.#settle();
  }

  /** Says something else of this member from now on. @throws InvalidArgumentError (INVALID_ARGUMENT) */
  setDetails(changed: {
    readonly name?: string;
    readonly zone?: string;
    readonly weight?: number;
    readonly address?: SocketAddress;
    readonly addresses?: readonly MemberAddress[];
  }): void {
    const core = this.#running;
    const myself = core.find(core.id);
    assert(myself !== undefined, "a member knows itself");
    const { name, zone, weight, address, addresses } = { ...myself, ...changed };
    core.setDetails({ name, zone, weight, address, addresses });
    this.#settle();
  }

  counters(): GossipCounters & { readonly unsentCount: number } {
    return { ...this.#running.counters(), unsentCount: this.#unsentCount };
  }

  /**
   * Tells the others that this member goes, for a second by default, then closes. Without it they find out by themselves.
   * After 0 ms it has told {@link GossipSettings.gossipFanout} of them, who tell the rest.
   */
  async leave(tellMs: number = this.#leaveMs): Promise<void> {
    if (this.#isClosed) return;
    this.#running.leave(this.#clock.nowMs());
    this.#settle();
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(tellMs, resolve);
    });
    await this.close();
  }

  /** Stops at once; the port is free afterwards. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#socket?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  readonly #options: GossipOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #core: GossipCore | undefined;
  #socket: DatagramSocket | undefined;
  #timer: Timer | undefined;
  #wakeAtMs: number = Number.POSITIVE_INFINITY;
  #keptIncarnation = 0;
  #leaveMs = 0;
  #pendingSends = 0;
  #unsentCount = 0;
  #isClosed = false;

  private constructor(options: GossipOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
  }

  get #running(): GossipCore {
    assert(this.#core !== undefined, "a member is handed out when it runs");
    return this.#core;
  }

  #receive(bytes: Uint8Array, from: SocketAddress): void {
    if (this.#isClosed || this.#core === undefined) return;
    this.#core.receive(bytes, from, this.#clock.nowMs());
    this.#settle();
  }

  /** Does what the core wants done, and sees to it that it is woken in time. */
  #settle(): void {
    if (this.#isClosed) return;
    const core = this.#running;
    const { datagrams, streamProbes, events } = core.takeOutput();
    if (core.incarnation !== this.#keptIncarnation) {
      this.#keptIncarnation = core.incarnation;
      this.#options.onIncarnation?.(core.incarnation);
    }
    for (const { to, bytes } of datagrams) this.#send(to, bytes);
    for (const probe of streamProbes) {
      this.#options.streamProber?.probe(probe.member, probe.timeoutMs, () => {
        if (this.#isClosed) return;
        core.streamAnswered(probe);
        this.#settle();
      });
    }
    for (const event of events) {
      this.#log(event);
      this.#options.onEvent?.(event);
    }
    this.#setTimer(core);
  }

  #send(to: SocketAddress, bytes: Buffer): void {
    if (this.#isClosed || this.#socket === undefined || this.#pendingSends >= pendingSendsMax) {
      this.#unsentCount++;
      return;
    }
    this.#pendingSends++;
    this.#socket.send(bytes, to, (error) => {
      this.#pendingSends--;
      if (error !== null) this.#unsentCount++;
    });
  }

  #setTimer(core: GossipCore): void {
    if (this.#isClosed || core.wakeAtMs === this.#wakeAtMs) return;
    this.#timer?.cancel();
    this.#wakeAtMs = core.wakeAtMs;
    this.#timer = this.#clock.setTimer(Math.max(0, this.#wakeAtMs - this.#clock.nowMs()), () => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY;
      core.tick(this.#clock.nowMs());
      this.#settle();
    });
  }

  #log(event: GossipEvent): void {
    if (event.type === "leader") return;
    const { id, name, incarnation } = event.member;
    const level = event.type === "updated" ? "debug" : "info";
    this.#logger.log(level, `member ${event.type}`, { id, name, incarnation });
  }
}

/** @throws InvalidAddressError (INVALID_ADDRESS) */
function addressFrom(address: string | SocketAddress): SocketAddress {
  return typeof address === "string" ? parseAddress(address) : address;
}
