import type { JoinVisit, ReplyTarget } from "../cluster/index.ts";
import type { NetworkError, SocketAddress, StreamSocket, Timer } from "../platform/index.ts";
import { type Arguments, ErrorReply, type Reply, type RespVersion } from "../resp/index.ts";
import { ClientInput } from "./client-input.ts";
import { ClientOutput } from "./client-output.ts";
import { clusterDisabled, redirection } from "./cluster-door.ts";
import { secretWords } from "./redaction.ts";
import type { KeyspaceCommand, ServedCommand } from "./served-command.ts";
import type { CommandStream } from "./served-node.ts";
import { answeredLater, type ServerCommand } from "./server-command.ts";
import type { ServerContext } from "./server-context.ts";
import { slowlogWords } from "./slowlog.ts";

/** Why a connection reads no further command, as bits. */
const stop = {
  /** A command waits until all before it are answered. */
  order: 1,
  /** A command blocks, `WAIT` for instance. */
  blocked: 2,
  /** A command waits for the end of `CLIENT PAUSE`. */
  paused: 4,
  /** The client does not take its replies. */
  output: 8,
  /** Too many commands are under way. */
  commands: 16,
  /** The node has enough to do. */
  node: 32,
  /** The connection ends once everything is answered. */
  closing: 64,
} as const;

/** A command that needs the password came before it. */
export const noPassword: ErrorReply = new ErrorReply("NOAUTH Authentication required.");
const unblocked = new ErrorReply("UNBLOCKED client unblocked via CLIENT UNBLOCK");

/**
 * One client. Its bytes are parsed into commands; each takes a ticket and is run, here or by the node, and the replies
 * go out in the order of the tickets, in whatever order they come.
 *
 * It reads its input no further than it can serve it. While a command has to wait for those before it, the client does
 * not take its replies, or too many commands are under way, what has come is kept up to a bound and the socket is
 * not read beyond it. The server's own commands wait until those before them are answered, so that they see, and
 * change, what the client expects; a few on which nothing depends run at once.
 */
export class Connection implements ReplyTarget {
  readonly context: ServerContext;
  readonly id: number;
  readonly address: SocketAddress;
  readonly localAddress: SocketAddress;
  readonly stream: CommandStream;
  readonly input: ClientInput;
  readonly output: ClientOutput;
  readonly createdMs: number;
  lastInputMs: number;

  protocol: RespVersion = 2;
  name = "";
  libraryName = "";
  libraryVersion = "";
  isNoEvict = false;
  /** It came over the cluster port: what another node leads is answered with where that is. */
  readonly isCluster: boolean;
  /** `READONLY`: reads may be answered here, as truly as anywhere. */
  isReadOnly = false;
  /** It asks to become a node of the cluster. */
  joinVisit: JoinVisit | undefined;
  /** The command that was read last; undefined if it was none. */
  lastCommand: ServedCommand | undefined;
  /** Bytes of the words of the server's command that is running, and its ticket. */
  argumentBytes = 0;
  ticket = -1;

  readonly #socket: StreamSocket;
  /** Of commands that are under way, by ticket, if the slow log may want them. */
  /** The last command whose reply may share the value that it came from. */
  #sharingTicket = -1;
  readonly #slowlogWords = new Map<number, readonly string[]>();
  #stops = 0;
  /** The command that waits for `order` or `paused` to end. */
  #held: Arguments | undefined;
  #blocked: { readonly ticket: number; readonly onTimeout: () => void } | undefined;
  #isDirty = false;
  #isResumable = false;
  #isSocketPaused = false;
  /** The client has sent its last byte. */
  #hasInputEnded = false;
  #isClosed = false;
  #lingerTimer: Timer | undefined;

  /** Takes over `socket`, just accepted. */
  constructor(context: ServerContext, socket: StreamSocket, isCluster: boolean) {
    this.isCluster = isCluster;
    this.context = context;
    this.id = context.takeConnectionId();
    this.address = socket.remoteAddress;
    this.localAddress = socket.localAddress;
    this.createdMs = context.turnMs;
    this.lastInputMs = this.createdMs;
    this.input = new ClientInput(context);
    this.output = new ClientOutput(context, socket);
    this.#socket = socket;
    this.input.isAuthenticated = context.config.get("requirepass") === "";
    this.stream = context.node.openStream(this, { isOfLedShards: isCluster });
    context.sockets.add(this);
    socket.handle({
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#onEnd(),
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#onClose(error),
    });
    context.armTurn();
  }

  get isBlocked(): boolean {
    return this.#blocked !== undefined;
  }

  /** Stopped by `CLIENT PAUSE`. */
  get isPaused(): boolean {
    return (this.#stops & stop.paused) !== 0;
  }

  get isBehind(): boolean {
    return this.output.isBehind;
  }

  reply(ticket: number, reply: Reply): void {
    this.#answer(ticket, reply, undefined);
  }

  resumed(): void {
    this.#end(stop.node);
  }

  fail(reason: string): void {
    this.context.logger.log("warn", "client connection broken off", { client: this.id, reason });
    this.destroy();
  }

  /** Sends whole replies outside of the order of commands. */
  push(text: string): void {
    if (this.#isClosed) return;
    if (!this.output.push(text)) {
      this.#disconnectForOutput();
      return;
    }
    if (this.output.isWorthWriting) this.#write();
    this.#markDirty();
  }

  /** Reads no further command until the one that is running is answered; `onTimeout` is to answer it early. */
  block(onTimeout: () => void): void {
    if (!this.output.isOpen(this.ticket)) return;
    this.#blocked = { ticket: this.ticket, onTimeout };
    this.#stops |= stop.blocked;
    this.context.blockedCount++;
  }

  /** Ends a blocking command, with an error or as if its time were over. False if there is none. */
  unblock(how: "timeout" | "error"): boolean {
    if (this.#blocked === undefined) return false;
    if (how === "timeout") this.#blocked.onTimeout();
    else this.reply(this.#blocked.ticket, unblocked);
    return true;
  }

  endPause(): void {
    this.context.blockedCount--;
    this.#end(stop.paused);
  }

  /** Ends the connection once what was read is answered and sent. */
  closeAfterReplies(): void {
    this.#stops |= stop.closing;
    this.#held = undefined;
    this.#markDirty();
  }

  /** Ends the connection now: sends what is answered, drops what is not. */
  end(): void {
    if (this.#isClosed) return;
    this.#write();
    if (!this.#isClosed) this.#endOutput();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#tearDown();
    this.#socket.destroy();
  }

  /** Ends the connection if nothing has come since `sinceMs` and nothing is awaited. */
  closeIfIdle(sinceMs: number): void {
    if (this.lastInputMs > sinceMs || this.isBlocked || this.isPaused) return;
    // One that does not take its replies is idle, whatever waits for it.
    if (this.output.openCount > 0 && (this.#stops & stop.output) === 0) return;
    if (this.context.monitors.has(this)) return;
    this.context.logger.log("debug", "idle client closed", { client: this.id });
    this.destroy();
  }

  /** Ends the connection if it has left more than the operator allows for too long. */
  checkOutput(): void {
    if ((this.#stops & stop.output) !== 0) this.#write();
  }

  /** Goes on with what was kept; called by the context at the end of a turn. */
  resume(): void {
    this.#isResumable = false;
    if (this.#isClosed || this.#stops !== 0) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#dispatch(held);
    if (this.#stops === 0) this.#run();
    this.#boundInput();
    if (this.#stops === 0 && this.#isSocketPaused) {
      this.#isSocketPaused = false;
      this.#socket.resume();
    }
    this.#markDirty();
  }

  /** Sends what is ready; called by the context at the end of a turn. */
  flush(): void {
    this.#isDirty = false;
    if (this.#isClosed) return;
    this.#write();
    if (this.#isClosed || this.output.openCount > 0 || this.output.untakenBytes > 0) return;
    const isDone = this.#hasInputEnded && this.#stops === 0 && this.#held === undefined;
    if (isDone || (this.#stops & stop.closing) !== 0) this.#endOutput();
  }

  #onData(bytes: Uint8Array): void {
    const { context } = this;
    context.statistics.reads++;
    context.statistics.inputBytes += bytes.length;
    if (this.#isClosed || (this.#stops & stop.closing) !== 0) return;
    this.lastInputMs = context.turnMs;
    this.input.feed(bytes);
    if (this.#stops === 0) this.#run();
    else this.input.keep();
    this.#boundInput();
    context.armTurn();
  }

  /** Runs commands for as long as there are whole ones and nothing stops it; keeps what is left. */
  #run(): void {
    const { args } = this.context;
    while (this.#stops === 0) {
      switch (this.input.next(args)) {
        case "command":
          this.#dispatch(args);
          break;
        case "needMore":
          return;
        case "tooLarge":
          this.#refuse(undefined, this.input.largeCommandError());
          break;
        case "protocolError":
          this.#refuse(undefined, this.input.protocolError());
          this.closeAfterReplies();
          return;
      }
    }
    this.input.keep();
  }

  #dispatch(args: Arguments): void {
    const { context } = this;
    const command = context.commands.resolve(args);
    this.lastCommand = command;
    if (command === undefined) {
      this.#refuse(context.commands.attempted(args), context.commands.refusal(args));
    } else if (command.needsPassword && !this.input.isAuthenticated) {
      this.#refuse(command, noPassword);
    } else if (command.isForCluster && !this.isCluster) {
      this.#refuse(command, clusterDisabled(context.node));
    } else if (context.pause.mode !== "off" && context.pause.stops(command)) {
      this.#hold(args, stop.paused);
      context.pause.hold(this);
      context.blockedCount++;
    } else if (command.keyspaceCommand !== undefined) {
      const { overwrites, runsAlone } = command.runsAnother ? context.commands.within(command, args) : command;
      const mustWait = runsAlone || (overwrites && this.output.isWaiting(this.#sharingTicket));
      const moved = this.isCluster ? this.#redirection(command, command.keyspaceCommand, args) : undefined;
      if (moved !== undefined) this.#refuse(command, moved);
      else if (mustWait && this.output.openCount > 0) this.#hold(args, stop.order);
      else this.#submit(command, command.keyspaceCommand, args);
    } else if (command.serverCommand !== undefined) {
      if (this.output.openCount > 0 && !command.runsAtOnce) this.#hold(args, stop.order);
      else this.#execute(command, command.serverCommand, args);
    }
  }

  #redirection(command: ServedCommand, keyspaceCommand: KeyspaceCommand, args: Arguments): ErrorReply | undefined {
    if (this.isReadOnly && !command.isWrite) return undefined;
    return redirection(this.context.node, keyspaceCommand, args);
  }

  #submit(command: ServedCommand, keyspaceCommand: KeyspaceCommand, args: Arguments): void {
    const { context } = this;
    if (context.monitors.size > 0) context.feedMonitors(this, command, args);
    const ticket = this.output.take(command);
    if (command.runsAnother ? context.commands.within(command, args).shares : command.shares)
      this.#sharingTicket = ticket;
    if (context.slowlog.wantsWordsOf(command, args))
      this.#slowlogWords.set(ticket, slowlogWords(args, secretWords(command, args)));
    this.stream.submit(ticket, keyspaceCommand, args, this.protocol);
    if (this.output.openCount >= context.limits.commandsInFlightMax) this.#stops |= stop.commands;
    if (command.runsAlone && this.output.openCount > 0) this.#stops |= stop.order;
    if (this.stream.isPaused) this.#stops |= stop.node;
  }

  #execute(command: ServedCommand, serverCommand: ServerCommand, args: Arguments): void {
    const { context } = this;
    const ticket = this.output.take(command);
    this.ticket = ticket;
    this.argumentBytes = args.byteLengthOfAll;
    const startedMs = context.clock.nowMs();
    const reply = serverCommand.execute?.(this, args) ?? null;
    const milliseconds = context.clock.nowMs() - startedMs;
    this.argumentBytes = 0;
    if (command.isInSlowlog)
      context.noteDuration(this, milliseconds, () => slowlogWords(args, secretWords(command, args)));
    if (reply !== answeredLater) this.#answer(ticket, reply, milliseconds);
    if (this.output.openCount >= context.limits.commandsInFlightMax) this.#stops |= stop.commands;
    if (context.monitors.size > 0) context.feedMonitors(this, command, args);
  }

  #answer(ticket: number, reply: Reply, milliseconds: number | undefined): void {
    const { output } = this;
    if (this.#isClosed || !output.isOpen(ticket)) return;
    const took = output.answer(ticket, reply, this.protocol, milliseconds);
    if (this.#slowlogWords.size > 0) this.#noteDuration(ticket, took);
    if (this.#stops !== 0) this.#release(ticket);
    if (output.isWorthWriting) this.#write();
    this.#markDirty();
  }

  #noteDuration(ticket: number, milliseconds: number): void {
    const words = this.#slowlogWords.get(ticket);
    if (words === undefined) return;
    this.#slowlogWords.delete(ticket);
    this.context.noteDuration(this, milliseconds, () => words);
  }

  /** Answers with an error what was not run. */
  #refuse(command: ServedCommand | undefined, error: ErrorReply): void {
    if (command !== undefined) command.statistics.rejectedCalls++;
    this.reply(this.output.take(undefined), error);
  }

  #hold(args: Arguments, why: number): void {
    this.#held = args === this.context.args ? args.copy() : args;
    this.#stops |= why;
  }

  /** After the answer to `ticket`: what it held up may go on. */
  #release(ticket: number): void {
    if (this.#blocked?.ticket === ticket) {
      this.#blocked = undefined;
      this.context.blockedCount--;
      this.#end(stop.blocked);
    }
    this.#endWaits();
  }

  /** Replies have left the queue: commands may go on that waited for it. */
  #endWaits(): void {
    const { openCount } = this.output;
    if (openCount === 0) this.#end(stop.order);
    if (openCount <= this.context.limits.commandsInFlightMax >> 1) this.#end(stop.commands);
  }

  /** One reason to stop has gone; if it was the last one, goes on at the end of this turn. */
  #end(why: number): void {
    if ((this.#stops & why) === 0 || this.#isClosed) return;
    this.#stops &= ~why;
    if (this.#stops !== 0 || this.#isResumable) return;
    this.#isResumable = true;
    this.context.markResumable(this);
  }

  #markDirty(): void {
    if (this.#isDirty || this.#isClosed) return;
    this.#isDirty = true;
    this.context.markDirty(this);
  }

  #write(): void {
    const state = this.output.write(this.protocol);
    if (state === "flowing") {
      this.#end(stop.output);
      this.stream.taken();
    } else {
      this.#stops |= stop.output;
      if (state === "unfinished") this.#markDirty();
      else if (state === "exceeded") this.#disconnectForOutput();
    }
    if (this.#stops !== 0) this.#endWaits();
  }

  #disconnectForOutput(): void {
    this.context.statistics.outputLimitDisconnections++;
    this.fail(`output limit: ${this.output.untakenBytes + this.output.waitingBytes()} bytes were not taken`);
  }

  #boundInput(): void {
    if (this.#isClosed) return;
    switch (this.input.bound(this.#stops === 0)) {
      case "bounded":
        return;
      case "full":
        if (!this.#isSocketPaused) this.#socket.pause();
        this.#isSocketPaused = true;
        return;
      case "exceeded":
        this.context.statistics.inputLimitDisconnections++;
        this.fail(`client-query-buffer-limit: ${this.input.bytes} bytes of input are not used`);
    }
  }

  #onDrain(): void {
    if (!this.#isClosed) this.#write();
    // It may be the last thing that was waited for.
    this.#markDirty();
  }

  #onEnd(): void {
    this.#hasInputEnded = true;
    if (this.#isClosed) this.#socket.destroy();
    // Nobody may be there any more to wait for what may never come.
    else if (this.isBlocked) this.destroy();
    else this.#markDirty();
  }

  #onClose(error: NetworkError | undefined): void {
    if (error !== undefined && !this.#isClosed)
      this.context.logger.log("debug", "client connection lost", { client: this.id, code: error.code });
    this.#tearDown();
    this.#lingerTimer?.cancel();
    this.context.sockets.remove(this);
  }

  /** Sends the end, behind what is queued. A client that does not take it is dropped after a while. */
  #endOutput(): void {
    this.#tearDown();
    this.#socket.end();
    this.#lingerTimer = this.context.clock.setTimer(this.context.limits.lingerMs, () => this.#socket.destroy());
  }

  /** The connection serves no more, and is forgotten by all who know it. */
  #tearDown(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#held = undefined;
    this.input.close();
    if (this.isBlocked || this.isPaused) this.context.blockedCount--;
    this.#blocked = undefined;
    this.context.forget(this);
    this.stream.close();
  }
}
