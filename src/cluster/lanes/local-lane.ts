/**
 * The lane of a client of this node: it sends each command where the group's leader is, here or elsewhere, and keeps it
 * while there is none. Commands never overtake each other: as soon as one has to wait, those behind it do.
 */
import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { PeerLink } from "../../net/index.ts";
import type { Clock, Outcome } from "../../platform/index.ts";
import type { LogIndex, Term } from "../../raft/index.ts";
import { Arguments, type ErrorReply, RawReply, type Reply, type RespVersion } from "../../resp/index.ts";
import { inDoubt, leaderChanged, noLeader, stillLoading, tooManyWaiting, uncertain } from "../errors.ts";
import { Lane } from "../replica/lane.ts";
import type { Replica } from "../replica/replica.ts";
import type { Route } from "../replica/route.ts";
import { openWords, packWords } from "../replica/words.ts";
import { waitSpec, waitWords } from "../replica/write-waits.ts";
import type { NodeSettings } from "../settings.ts";
import type { BulkSender } from "./bulk.ts";
import { Fifo } from "./fifo.ts";
import { ForwardStream, type ForwardStreamOwner } from "./forward-stream.ts";
import type { PendingCommand } from "./pending-command.ts";

/** What a lane needs of its node. */
export interface LaneHost {
  readonly clock: Clock;
  readonly settings: NodeSettings;
  /** Lanes with commands that wait for a way to the leader, over all clients, and what they hold. */
  readonly waiting: Set<LocalLane>;
  heldBytes: number;
  /** The node stops: what comes now is answered with this. */
  readonly closingReply: ErrorReply | undefined;
  /** The ways to another node, while there are any: to the one that leads the group there, if it was heard of lately. */
  leaderLink(place: LanePlace): PeerLink | undefined;
  bulkSender(nodeId: number): BulkSender | undefined;
  /** Numbers are never used twice in the life of a node. */
  openForward(make: (id: number) => ForwardStream): ForwardStream;
  closeForward(stream: ForwardStream): void;
  /** Something was written to a connection: it is to be flushed at the end of the turn. */
  noteOutput(): void;
}

/** Where a lane leads to; it changes with time. */
export interface LanePlace {
  readonly group: number;
  /** This node's replica; undefined while it has none. */
  readonly replica: Replica | undefined;
  readonly route: Route;
}

/** The client's connection. */
export interface LaneOwner {
  reply(ticket: number, reply: Reply): void;
  fail(reason: string): void;
  readonly isBehind: boolean;
}

/** A lane that holds more than this is paused. */
const heldCountPaused = 256;
const heldBytesPaused = 1_048_576;
/** Commands that one lane holds at most. */
const heldCountMax = 16_384;

export class LocalLane extends Lane implements ForwardStreamOwner {
  constructor(place: LanePlace, host: LaneHost, owner: LaneOwner) {
    super();
    this.#place = place;
    this.#host = host;
    this.#owner = owner;
  }

  /** Whether it should be given nothing more for now. */
  get isPaused(): boolean {
    if (this.#held.length > heldCountPaused || this.#heldBytes > heldBytesPaused) return true;
    const { replica } = this.#place;
    return replica?.isLeading === true && replica.isBusy;
  }

  /** Copies what it needs of `args` before it returns. */
  submit(ticket: number, spec: CommandSpec<Keyspace>, args: Arguments, protocol: RespVersion): void {
    if (this.#isClosed) return;
    this.#protocol = protocol;
    const { closingReply } = this.#host;
    if (closingReply !== undefined) {
      this.answer(ticket, closingReply);
      return;
    }
    const here = this.#held.length > 0 || this.#isResuming ? undefined : this.#replicaHere();
    if (here === undefined) {
      this.#hold({ ticket, spec, words: packWords(args), protocol, sinceMs: this.#host.clock.nowMs() });
      if (!this.#isResuming) this.resume();
    } else {
      here.submit(this, ticket, spec, args);
    }
  }

  /** `WAIT`: counts the replicas that hold the writes which were submitted before it. */
  wait(ticket: number, replicaCount: number, timeoutMs: number): void {
    this.submit(ticket, waitSpec, waitWords(replicaCount, timeoutMs, this.lastWriteIndex), this.#protocol);
  }

  /** Sends what waits, as far as there is a way. */
  resume(): void {
    if (this.#isResuming || this.#isClosed) return;
    this.#isResuming = true;
    this.#givenBackCount = 0;
    let args: Arguments | undefined;
    for (let command = this.#held.at(0); command !== undefined; command = this.#held.at(0)) {
      const here = this.#replicaHere();
      if (here !== undefined) {
        this.#unhold();
        args ??= new Arguments();
        openWords(this.#upToDate(command).words, 0, args);
        here.submit(this, command.ticket, command.spec, args);
      } else {
        const stream = this.#streamFor(command);
        if (stream === undefined) break;
        this.#unhold();
        this.#forward(stream, this.#upToDate(command));
      }
    }
    this.#isResuming = false;
    if (this.#held.length > 0) this.#host.waiting.add(this);
    else this.#host.waiting.delete(this);
  }

  get isBehind(): boolean {
    return this.#owner.isBehind;
  }

  /** The client has taken its replies: the leader may send more. */
  taken(): void {
    if (this.#stream?.taken() === true) this.#host.noteOutput();
  }

  /** Looks at the time: who has waited for too long, while no leader can be reached, is told so. */
  expire(): void {
    const nowMs = this.#host.clock.nowMs();
    this.#stream?.expire(nowMs);
    // Whom we take for the leader may go on refusing for as long as nobody tells us of another one.
    if (nowMs - (this.#refusedSinceMs ?? nowMs) >= this.#host.settings.electionWaitMs) this.#giveUp(nowMs);
    this.#refusedTerm = 0;
    this.resume();
    const isServed = this.isBehindLarge || (this.#stream !== undefined && !this.#stream.isClosing);
    if (!isServed) this.#giveUp(nowMs);
    if (this.#held.length === 0) this.#host.waiting.delete(this);
  }

  /** The client has gone: nobody hears what is still answered. */
  close(): void {
    this.#isClosed = true;
    this.#dropHeld();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) return;
    this.#host.closeForward(stream);
    stream.end();
    this.#host.noteOutput();
  }

  /** The node stops: what waits surely did not happen; what was sent on may have. */
  abandon(reply: Reply): void {
    this.#stream?.break();
    for (let command = this.#unhold(); command !== undefined; command = this.#unhold())
      this.answer(command.ticket, reply);
    this.#host.waiting.delete(this);
  }

  override answer(ticket: number, reply: Reply): void {
    if (this.#isClosed) return;
    const isDoubtful = this.#doubtful.size > 0 && this.#doubtful.delete(ticket);
    this.#owner.reply(ticket, isDoubtful ? inDoubt(reply) : reply);
  }

  override giveBack(ticket: number, spec: CommandSpec<Keyspace>, words: Buffer, sinceMs: number): void {
    this.#putBack({ ticket, spec, words, protocol: this.#protocol, sinceMs });
  }

  override largeProposed(): void {
    if (this.#held.length > 0) this.resume();
  }

  forwardAnswered(command: PendingCommand, text: string, index: LogIndex): void {
    if (index > this.lastWriteIndex) this.lastWriteIndex = index;
    this.#refusedSinceMs = undefined;
    this.answer(command.ticket, new RawReply(text));
    if (!this.isBehind) this.taken();
    if (this.#held.length > 0) this.resume();
  }

  forwardLost(command: PendingCommand, outcome: Outcome): void {
    const reply =
      outcome === "unknown" ? uncertain("the connection to the leader was lost before it answered") : leaderChanged;
    this.answer(command.ticket, reply);
  }

  forwardSettled(again: readonly PendingCommand[]): void {
    const stream = this.#stream;
    if (stream !== undefined) {
      // Asking the same leader again in the same term would go in circles; the next tick tries all the same.
      if (again.length > 0) this.#noteRefusal(stream.target.term);
      this.#host.closeForward(stream);
    }
    this.#stream = undefined;
    for (const command of again) {
      if (command.doubts !== undefined) this.#doubtful.add(command.ticket);
      this.#putBack(command);
    }
    if (this.#held.length > 0) this.resume();
  }

  forwardBroken(reason: string): void {
    this.close();
    this.#owner.fail(reason);
  }

  readonly #place: LanePlace;
  readonly #host: LaneHost;
  readonly #owner: LaneOwner;
  /** In the order in which they are to be sent. */
  readonly #held: Fifo<PendingCommand> = new Fifo();
  #heldBytes = 0;
  /** How many at the front were given back since it was last tried to send them. */
  #givenBackCount = 0;
  #stream: ForwardStream | undefined;
  #refusedTerm = 0;
  /** From when on nothing was answered and commands came back; undefined if the last thing that was heard is an answer. */
  #refusedSinceMs: number | undefined;
  /** Tickets of commands that may have been carried out and are sent again. */
  readonly #doubtful: Set<number> = new Set();
  #protocol: RespVersion = 2;
  #isResuming = false;
  #isClosed = false;

  /** The replica of this node, if the next command goes there. */
  #replicaHere(): Replica | undefined {
    const { replica } = this.#place;
    if (replica === undefined || this.isBehindLarge) return undefined;
    if (this.#stream !== undefined) {
      // First what was sent elsewhere is resolved.
      if (replica.isLeading) this.#stream.close(this.#resolveUntilMs());
      if (this.#stream !== undefined) return undefined;
    }
    if (!replica.isLeading && replica.stoppedBecause === undefined) return undefined;
    this.#refusedSinceMs = undefined;
    return replica;
  }

  #noteRefusal(term: Term): void {
    this.#refusedTerm = term;
    this.#refusedSinceMs ??= this.#host.clock.nowMs();
  }

  /** Who has waited for as long as an election may take is answered: nothing has happened. */
  #giveUp(nowMs: number): void {
    const { electionWaitMs } = this.#host.settings;
    for (let command = this.#held.at(0); command !== undefined; command = this.#held.at(0)) {
      if (nowMs - command.sinceMs < electionWaitMs) break;
      this.#unhold();
      const isLoading = this.#place.replica?.loading !== undefined;
      this.answer(command.ticket, isLoading ? stillLoading(electionWaitMs) : noLeader(electionWaitMs));
    }
  }

  /** The stream on which `command` may be sent to the leader's node now. */
  #streamFor(command: PendingCommand): ForwardStream | undefined {
    const { group, replica, route } = this.#place;
    if (replica?.isLeading === true || this.isBehindLarge) return undefined;
    const stream = this.#stream;
    if (stream !== undefined) {
      const { target } = stream;
      const isSame = target.leader === route.leader && target.term === route.term;
      if (!isSame && !stream.isClosing) stream.close(this.#resolveUntilMs());
      else if (target.protocol !== command.protocol && !stream.isClosing) stream.close(Number.POSITIVE_INFINITY);
      // Closing may have settled it, and with it opened the way for another one.
      if (this.#stream !== stream) return this.#streamFor(command);
      if (stream.isClosing || stream.isBehindLarge) return undefined;
      if (stream.unansweredCount >= this.#host.settings.forwardedCommandsMax) return undefined;
      if (this.#isLarge(command) && stream.unansweredCount > 0) return undefined;
      return this.#isRoom(stream.link) ? stream : undefined;
    }
    if (route.leader === 0 || route.term === this.#refusedTerm) return undefined;
    const link = this.#host.leaderLink(this.#place);
    if (link === undefined || !this.#isRoom(link)) return undefined;
    const target = { ...route, group, protocol: command.protocol };
    this.#stream = this.#host.openForward((id) => new ForwardStream({ id, target, link, owner: this }));
    return this.#stream;
  }

  #isRoom(link: PeerLink): boolean {
    return link.isUp && link.queuedBytes < this.#host.settings.peerQueueBytesMax;
  }

  #isLarge(command: PendingCommand): boolean {
    return command.words.length > this.#host.settings.pieceBytes;
  }

  #forward(stream: ForwardStream, command: PendingCommand): void {
    const bulk = this.#isLarge(command) ? this.#host.bulkSender(stream.target.leader) : undefined;
    if (bulk === undefined) stream.send(command);
    else stream.sendLarge(command, bulk);
    this.#host.noteOutput();
  }

  /** A `WAIT` that was held knows by now where the writes before it stand. */
  #upToDate(command: PendingCommand): PendingCommand {
    if (command.spec !== waitSpec) return command;
    const args = new Arguments();
    openWords(command.words, 0, args);
    const index = Math.max(this.lastWriteIndex, Number(args.text(3)));
    return { ...command, words: packWords(waitWords(Number(args.text(1)), Number(args.text(2)), index)) };
  }

  #resolveUntilMs(): number {
    return this.#host.clock.nowMs() + this.#host.settings.resolveWaitMs;
  }

  #hold(command: PendingCommand): void {
    const { queuedBytesMax, commandBytesMax } = this.#host.settings;
    const isTooMuch = this.#host.heldBytes > 2 * queuedBytesMax + commandBytesMax || this.#held.length >= heldCountMax;
    if (isTooMuch) {
      this.answer(command.ticket, tooManyWaiting);
      return;
    }
    this.#held.push(command);
    this.#countHeld(command.words.length);
  }

  /** It stands before what is held, behind what was put back before it. */
  #putBack(command: PendingCommand): void {
    if (this.#isClosed) return;
    this.#held.insert(this.#givenBackCount++, command);
    this.#countHeld(command.words.length);
    this.#host.waiting.add(this);
  }

  #unhold(): PendingCommand | undefined {
    const command = this.#held.shift();
    if (command !== undefined) this.#countHeld(-command.words.length);
    if (this.#givenBackCount > 0) this.#givenBackCount--;
    return command;
  }

  #dropHeld(): void {
    this.#held.cutFrom(0);
    this.#countHeld(-this.#heldBytes);
    this.#host.waiting.delete(this);
  }

  #countHeld(bytes: number): void {
    this.#heldBytes += bytes;
    this.#host.heldBytes += bytes;
  }
}
