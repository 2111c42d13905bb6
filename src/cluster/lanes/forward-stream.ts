/**
 * The client's side of a forwarded stream (`forward-wire.ts`): what was sent to one leader in one term and is not
 * answered. Replies must come in the order of the numbers; one that does not is never given to anybody (CONSENSUS S-7).
 */
import { isWrite, sessionCommand } from "../../keyspace/index.ts";
import type { PeerLink } from "../../net/index.ts";
import { assert, mark, type Outcome } from "../../platform/index.ts";
import type { LogIndex, Term } from "../../raft/index.ts";
import { Arguments, type RespVersion } from "../../resp/index.ts";
import { openWords } from "../replica/words.ts";
import { type BulkSender, commandTransfer } from "./bulk.ts";
import { Fifo } from "./fifo.ts";
import {
  type ForwardHeader,
  type ForwardReply,
  forwardHeader,
  sendForward,
  sendForwardCredit,
  sendForwardEnd,
} from "./forward-wire.ts";
import type { PendingCommand } from "./pending-command.ts";

/** The lane that the stream belongs to. */
export interface ForwardStreamOwner {
  forwardAnswered(command: PendingCommand, text: string, index: LogIndex): void;
  /** Every command has been answered or can be sent again: `again`, in order. The stream is over. */
  forwardSettled(again: readonly PendingCommand[]): void;
  /** Its answer will never be known, and it cannot be sent again. */
  forwardLost(command: PendingCommand, outcome: Outcome): void;
  /** The client has not taken its replies: `taken` follows when it has. */
  readonly isBehind: boolean;
  /** A reply was lost: no later one may take its place. */
  forwardBroken(reason: string): void;
}

/** The leader is told of so much at once that has been taken: less than any window. */
const creditBytesMin = 64 * 1024;

/** A session's command is sent again no more often than this: it must not go round for ever because it breaks the connection. */
const doubtsMax = 8;

export interface ForwardTarget {
  readonly group: number;
  /** The leader's node. */
  readonly leader: number;
  readonly term: Term;
  readonly protocol: RespVersion;
}

interface Sent {
  readonly command: PendingCommand;
  /** The connection's count of messages with this one. */
  readonly message: number;
}

export class ForwardStream {
  readonly id: number;
  readonly target: ForwardTarget;
  readonly link: PeerLink;

  constructor(options: {
    readonly id: number;
    readonly target: ForwardTarget;
    readonly link: PeerLink;
    readonly owner: ForwardStreamOwner;
  }) {
    this.id = options.id;
    this.target = options.target;
    this.link = options.link;
    this.#owner = options.owner;
  }

  get unansweredCount(): number {
    return this.#sent.length;
  }

  /** It takes no more commands, and waits for the fate of those that it has. */
  get isClosing(): boolean {
    return this.#closingUntilMs !== undefined;
  }

  /** A large command goes alone: the pieces and the data connection know nothing of each other. */
  get isBehindLarge(): boolean {
    return this.#isBehindLarge;
  }

  send(command: PendingCommand): void {
    sendForward(this.link, this.#header(), command.words);
    this.#sent.push({ command, message: this.link.messageCount });
  }

  sendLarge(command: PendingCommand, bulk: BulkSender): void {
    assert(this.unansweredCount === 0, "a large command is forwarded alone");
    bulk.add(commandTransfer, forwardHeader(this.#header()), command.words);
    this.#sent.push({ command, message: 0 });
    this.#isBehindLarge = true;
  }

  /** The next reply; with `text` undefined it comes, or has come, by `receiveBulk`. */
  receive(reply: ForwardReply): void {
    if (reply.number !== this.#arrivedNumber + 1 || reply.number >= this.#firstNumber + this.#sent.length) {
      this.#owner.forwardBroken(`reply ${reply.number} came after reply ${this.#arrivedNumber}`);
      return;
    }
    this.#arrivedNumber = reply.number;
    this.#waiting.push(reply);
    this.#deliver();
  }

  receiveBulk(number: number, text: string): void {
    this.#bulkTexts.set(number, text);
    this.#deliver();
  }

  /** The client has taken all replies that were delivered: the leader may send more. True if it is told so. */
  taken(): boolean {
    if (this.#deliveredBytes - this.#creditedBytes < creditBytesMin || this.#isOver || !this.link.isUp) return false;
    this.#creditedBytes = this.#deliveredBytes;
    sendForwardCredit(this.link, this.id, this.#creditedBytes);
    return true;
  }

  /** The leader says that nothing from `number` on was proposed. Earlier commands are still answered. */
  refused(number: number): void {
    const refused = this.#sent.cutFrom(number - this.#firstNumber);
    this.#again.unshift(...refused.map(({ command }) => command));
    this.close(Number.POSITIVE_INFINITY);
  }

  /** Takes no more commands; what is not answered by then counts as unknown. */
  close(untilMs: number): void {
    this.#closingUntilMs = Math.min(this.#closingUntilMs ?? Number.POSITIVE_INFINITY, untilMs);
    this.#settle();
  }

  expire(nowMs: number): void {
    if (this.#closingUntilMs !== undefined && nowMs >= this.#closingUntilMs) this.break();
  }

  /** No reply will come any more: the connection is lost, or has been silent for too long. */
  break(): void {
    const lost = this.#sent.cutFrom(0);
    const { sentCount } = this.link;
    const again: PendingCommand[] = [];
    let mayHaveWritten = false;
    for (const { command, message } of lost.reverse()) {
      if (message > sentCount) {
        // It never left this process.
        again.push(command);
      } else if (isRepeatable(command)) {
        // Its session sees to it that it takes effect once (CONSENSUS S-5). It may have done so for what is read behind it.
        mark("a session command whose fate is open is sent again");
        mayHaveWritten = true;
        again.push({ ...command, doubts: (command.doubts ?? 0) + 1 });
      } else if (isWrite(command.spec)) {
        mayHaveWritten = true;
        this.#owner.forwardLost(command, "unknown");
      } else if (mayHaveWritten) {
        // Sent again, it could see a write that came behind it.
        this.#owner.forwardLost(command, "notApplied");
      } else {
        again.push(command);
      }
    }
    this.#again.unshift(...again.reverse());
    this.close(0);
  }

  /** Tells the leader that nothing more comes, and that nobody waits. */
  end(): void {
    this.#isOver = true;
    if (this.link.isUp) sendForwardEnd(this.link, this.id);
  }

  readonly #owner: ForwardStreamOwner;
  readonly #sent: Fifo<Sent> = new Fifo();
  /** Of the first command that is not answered. */
  #firstNumber = 1;
  /** Of the last reply that has come over the data connection. */
  #arrivedNumber = 0;
  /** Replies that are not delivered yet: the first one comes over bulk. */
  readonly #waiting: Fifo<ForwardReply> = new Fifo();
  readonly #bulkTexts: Map<number, string> = new Map();
  readonly #again: PendingCommand[] = [];
  /** Text of replies, of all that came, and what the leader knows to be taken of it. */
  #deliveredBytes = 0;
  #creditedBytes = 0;
  #closingUntilMs: number | undefined;
  #isBehindLarge = false;
  #isOver = false;

  #header(): ForwardHeader {
    const { group, term, protocol } = this.target;
    return { stream: this.id, number: this.#firstNumber + this.#sent.length, group, term, protocol };
  }

  #deliver(): void {
    for (let reply = this.#waiting.at(0); reply !== undefined && !this.#isOver; reply = this.#waiting.at(0)) {
      const text = reply.text ?? this.#bulkTexts.get(reply.number);
      if (text === undefined) return;
      this.#waiting.shift();
      this.#bulkTexts.delete(reply.number);
      const sent = this.#sent.shift();
      assert(sent !== undefined, "a reply to a command that was refused");
      this.#firstNumber++;
      this.#isBehindLarge = false;
      this.#deliveredBytes += text.length;
      this.#owner.forwardAnswered(sent.command, text, reply.index);
    }
    this.#settle();
  }

  #settle(): void {
    if (this.#isOver || !this.isClosing || this.#sent.length > 0) return;
    this.end();
    this.#owner.forwardSettled(this.#again);
  }
}

function isRepeatable({ doubts = 0, spec, words }: PendingCommand): boolean {
  if (spec !== sessionCommand.spec || doubts >= doubtsMax) return false;
  const args = new Arguments();
  openWords(words, 0, args);
  return sessionCommand.isRepeatable(args);
}
