import type { Clock, Random, SocketAddress, Timer } from "../platform/index.ts";
import { backOffMs } from "./back-off.ts";
import type { ConnectionAttempt } from "./connection-attempt.ts";
import type { LinkPurpose, ProtocolVersions } from "./handshake.ts";
import { type LinkKind, linkKinds } from "./link-kind.ts";
import type { PeerIdentity } from "./peer-identity.ts";
import type { PeerLink } from "./peer-link.ts";

/** A connection that held for so long is dialled again without a wait when it breaks. */
const steadyMs = 1_000;

/** One other node: its address, its connections, and where each attempt to make one stands. */
export class Peer {
  readonly nodeId: number;
  readonly name: string;
  address: SocketAddress;
  readonly links: Record<LinkKind, PeerLink | undefined> = { control: undefined, data: undefined, bulk: undefined };

  constructor(options: {
    readonly nodeId: number;
    readonly name: string;
    readonly address: SocketAddress;
    readonly isDialledByUs: boolean;
  }) {
    this.nodeId = options.nodeId;
    this.name = options.name;
    this.address = options.address;
    this.#isDialledByUs = options.isDialledByUs;
  }

  /** The version of the protocol to begin a handshake with. */
  versionOf({ min, max }: ProtocolVersions): number {
    return Math.max(min, max - this.#versionsBelow);
  }

  /** It does not speak the one that was said. True: it is to be asked for an older one. */
  refusedVersion(said: number, { min, max }: ProtocolVersions): boolean {
    if (said <= min) {
      // Whoever listens there next may be of another version.
      this.#versionsBelow = 0;
      return false;
    }
    this.#versionsBelow = Math.max(this.#versionsBelow, max - said + 1);
    return true;
  }

  /** What we have to dial for. */
  missing(): readonly LinkPurpose[] {
    if (this.#isDialledByUs) return linkKinds.filter((kind) => this.links[kind] === undefined);
    return this.links.control === undefined ? ["introduction"] : [];
  }

  isDialling(purpose: LinkPurpose): boolean {
    return this.#attempts.has(purpose);
  }

  /** Those that are under way. */
  attempts(): readonly ConnectionAttempt[] {
    return [...this.#attempts.values()];
  }

  dialling(purpose: LinkPurpose, attempt: ConnectionAttempt): void {
    this.#timers.get(purpose)?.cancel();
    this.#timers.delete(purpose);
    this.#attempts.set(purpose, attempt);
  }

  dialled(purpose: LinkPurpose): void {
    this.#attempts.delete(purpose);
  }

  dialLater(
    purpose: LinkPurpose,
    by: {
      readonly clock: Clock;
      readonly random: Random;
      readonly settings: { readonly dialWaitMsMin: number; readonly dialWaitMsMax: number };
    },
    dial: () => void,
  ): void {
    if (this.#timers.has(purpose) || this.#attempts.has(purpose)) return;
    const { dialWaitMsMin: minMs, dialWaitMsMax: maxMs } = by.settings;
    const failures = Math.min(this.#failures.get(purpose) ?? 0, this.#failuresAfterHolding(purpose, minMs));
    this.#failures.set(purpose, failures + 1);
    const timer = by.clock.setTimer(backOffMs(failures, by.random, { minMs, maxMs }), () => {
      this.#timers.delete(purpose);
      dial();
    });
    this.#timers.set(purpose, timer);
  }

  connected(link: PeerLink): void {
    this.links[link.kind] = link;
  }

  /** Returns whether the connection had been steady, so that it may be dialled again at once. */
  disconnected(link: PeerLink, nowMs: number): boolean {
    if (this.links[link.kind] === link) this.links[link.kind] = undefined;
    // It may come back upgraded.
    this.#versionsBelow = 0;
    const heldMs = nowMs - link.upSinceMs;
    const wasSteady = heldMs >= steadyMs;
    this.#heldMs.set(link.kind, heldMs);
    if (wasSteady) {
      this.#failures.delete(link.kind);
      this.#failures.delete("introduction");
    }
    return wasSteady;
  }

  /** A peer that has started again has no use for the connections of its earlier life. */
  closeOtherLives(identity: PeerIdentity): void {
    for (const kind of linkKinds) {
      const link = this.links[kind];
      if (link === undefined || Buffer.compare(link.peer.incarnation, identity.incarnation) === 0) continue;
      link.close("the peer has started again");
    }
  }

  closeDeadLinks(nowMs: number, settings: { readonly silenceMsMax: number; readonly stallMsMax: number }): void {
    const { control } = this.links;
    if (control !== undefined && nowMs - control.receivedMs > settings.silenceMsMax) {
      this.closeAll("the peer has gone silent");
    }
    for (const kind of linkKinds) {
      const link = this.links[kind];
      const stalledSinceMs = link?.checkStall();
      if (stalledSinceMs !== undefined && nowMs - stalledSinceMs > settings.stallMsMax) {
        link?.close("the peer takes no more bytes");
      }
    }
  }

  /** The control connection last: the others end with it, and would not say why. */
  closeAll(reason: string): void {
    for (const kind of ["data", "bulk", "control"] as const) this.links[kind]?.close(reason);
  }

  /**
   * On the control connection alone something is always on its way. Without it nobody would notice that the peer has ended
   * the others, whose end may be lost as well, and has no use for what is sent there.
   */
  closeUnwatched(): void {
    if (this.links.control !== undefined) return;
    for (const kind of linkKinds) this.links[kind]?.close("the control connection was lost");
  }

  cancelTimers(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  readonly #isDialledByUs: boolean;
  /** How far below the newest that we know the one is that it speaks, as far as it was asked. */
  #versionsBelow = 0;
  readonly #attempts: Map<LinkPurpose, ConnectionAttempt> = new Map();
  readonly #timers: Map<LinkPurpose, Timer> = new Map();
  readonly #failures: Map<LinkPurpose, number> = new Map();
  /** How long the last connection held, until it is dialled again. */
  readonly #heldMs: Map<LinkPurpose, number> = new Map();

  /**
   * Who waits far longer than a connection holds is away for most of the time, or for all of it, where connections break
   * at regular intervals: after one that held for a while the wait is a quarter of that, or the shortest.
   */
  #failuresAfterHolding(purpose: LinkPurpose, waitMsMin: number): number {
    const heldMs = this.#heldMs.get(purpose) ?? 0;
    this.#heldMs.delete(purpose);
    return heldMs < waitMsMin ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor(Math.log2(heldMs / (4 * waitMsMin))));
  }
}
