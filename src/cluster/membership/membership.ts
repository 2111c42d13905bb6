/**
 * What follows for a node when the directory's list of nodes changes: it keeps the list, has connections with all that are
 * on it and with nobody else, and stops when it finds itself removed.
 */
import type { KnownPeer, PeerLinks, Refusal } from "../../net/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { removedRefusal } from "./admission.ts";
import { type Member, mergedMembers } from "./member.ts";
import type { NodeDirectory } from "./node-directory.ts";

export interface MembershipOptions {
  readonly directory: NodeDirectory;
  readonly links: () => Pick<PeerLinks, "add" | "remove" | "redirect">;
  /** This node was removed: it must stop. */
  readonly onRemoved: (refusal: Refusal) => void;
}

export class Membership {
  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Whom to have connections with, as far as known. */
  get peers(): readonly KnownPeer[] {
    return this.#options.directory.peerIds.map((nodeId) => this.#peer(nodeId));
  }

  /** Takes what the directory says of all nodes, removed ones included, in the order of their numbers. */
  set(nodes: readonly Member[]): void {
    const { directory } = this.#options;
    const known = directory.members;
    const news = mergedMembers(known, nodes, directory.nodeId);
    if (news === undefined || !directory.setMembers(news)) return;
    const before = new Map(known.map((member) => [member.id, member]));
    for (const member of news) {
      if (member.id !== directory.nodeId) this.#setPeer(member, before.get(member.id)?.peerAddress);
      else if (member.state === "removed") this.#options.onRemoved(removedRefusal(member));
      before.delete(member.id);
    }
    // Removed so long ago that the directory has forgotten them.
    for (const id of before.keys()) this.#options.links().remove(id);
  }

  /** Somebody has said where the nodes are, since none of them was there: they are dialled there. */
  found(members: readonly Member[]): void {
    const { directory, links } = this.#options;
    this.set(members);
    for (const { id, state, peerAddress } of members) {
      if (id === directory.nodeId || state === "removed" || peerAddress === undefined) continue;
      if (links().redirect(id, peerAddress)) directory.rememberAddress(id, peerAddress);
    }
  }

  readonly #options: MembershipOptions;

  #setPeer({ id, state, peerAddress }: Member, addressBefore: SocketAddress | undefined): void {
    const { directory, links } = this.#options;
    if (state === "removed") {
      links().remove(id);
      return;
    }
    // What the directory said before may be older than what the peer said itself; only its news counts.
    const isNews = peerAddress !== undefined && !isSameAddress(addressBefore, peerAddress);
    if (isNews && links().redirect(id, peerAddress)) directory.rememberAddress(id, peerAddress);
    links().add(this.#peer(id));
  }

  #peer(nodeId: number): KnownPeer {
    const { directory } = this.#options;
    const name = directory.nameOf(nodeId);
    return { nodeId, name, address: directory.addressOf(nodeId) ?? { host: name, port: 0 } };
  }
}

function isSameAddress(left: SocketAddress | undefined, right: SocketAddress): boolean {
  return left?.host === right.host && left.port === right.port;
}
