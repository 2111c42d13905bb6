import type { Platform, SocketAddress } from "../platform/index.ts";
import type { HistoryRecorder } from "./history.ts";
import type { KeyValueInput, KeyValueOutput } from "./key-value-specification.ts";
import { describeOutcome, outcomeOf, wordsOf } from "./redis-operation.ts";
import { RedisSession } from "./redis-session.ts";
import type { Workload } from "./scenario.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface ClientOptions {
  readonly platform: Platform;
  readonly random: SeededRandom;
  readonly servers: readonly SocketAddress[];
  readonly workload: Workload;
  readonly recorder: HistoryRecorder<KeyValueInput, KeyValueOutput>;
  /** The number of the next connection, in the whole run. */
  readonly takeConnection: () => number;
  /** A value that was never written before. */
  readonly takeValue: () => string;
  readonly onViolation: (text: string) => void;
  /** Hears of each command and each reply; undefined: nobody asks. */
  readonly onStep: ((text: string) => void) | undefined;
}

const shownMax = 60;

type Command = Parameters<RedisSession["send"]>[0][number];

const againMax = 16;
const hourMs = 3_600_000;

/**
 * A client as there are many: it connects to any node, sends commands in bursts, waits for the replies, loses patience
 * or the connection, and comes back elsewhere. What it did is in the recorder.
 */
export class WorkloadClient {
  readonly #options: ClientOptions;
  #session: RedisSession | undefined;
  #connection = 0;
  #commandsLeft = 0;
  /** When the commands were sent that are not answered, oldest first. */
  readonly #sentMs: number[] = [];
  /** What is to be asked for once more. */
  readonly #again: KeyValueInput[] = [];
  #isStopping = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#connect();
    this.#watch();
  }

  /** Sends nothing more; what is under way is answered or given up. */
  stop(): void {
    this.#isStopping = true;
    if (this.isIdle) this.#session?.end();
  }

  get isIdle(): boolean {
    return this.#sentMs.length === 0;
  }

  #connect(): void {
    if (this.#isStopping) return;
    const { platform, random, servers, takeConnection, onViolation, workload } = this.#options;
    this.#connection = takeConnection();
    this.#commandsLeft = 1 + Math.floor(random.exponential(workload.commandsPerConnection));
    const connection = this.#connection;
    const session = new RedisSession(platform, random.pick(servers), {
      onOpen: () => {
        if (workload.protocol === 3) session.send([{ words: ["HELLO", "3"], done: () => {} }]);
        this.#burst(session);
      },
      onClose: () => {
        if (this.#session !== session) return;
        this.#session = undefined;
        platform.clock.setTimer(random.exponential(workload.reconnectMs), () => this.#connect());
      },
      onNonsense: (reason) => onViolation(`connection ${connection}: ${reason}`),
    });
    this.#session = session;
  }

  /** Sends as much as fits, and comes back later. */
  #burst(session: RedisSession): void {
    const { platform, random, workload } = this.#options;
    if (this.#session !== session) return;
    if (this.#isStopping || this.#commandsLeft === 0) return;
    const room = workload.pipelineMax - this.#sentMs.length;
    if (room > 0) {
      const count = Math.min(random.integer(1, room), this.#commandsLeft);
      session.send(Array.from({ length: count }, () => this.#command(session)));
      this.#commandsLeft -= count;
    }
    if (this.#commandsLeft === 0 && random.chance(0.3)) this.#breakOff(session);
    platform.clock.setTimer(random.exponential(workload.thinkMs), () => this.#burst(session));
  }

  /** Leaves without waiting for the replies: with the last command, or in the middle of the next. */
  #breakOff(session: RedisSession): void {
    const { platform, random } = this.#options;
    if (random.chance(0.5)) session.end();
    else session.sendRaw("*3\r\n$3\r\nSET\r\n$5\r\nnever");
    platform.clock.setTimer(random.exponential(20), () => session.destroy());
  }

  #command(session: RedisSession): Command {
    const { onStep, onViolation, platform, random, recorder, workload } = this.#options;
    if (workload.deadlineShare > 0 && random.chance(workload.deadlineShare)) return this.#timedCommand(session);
    const input = this.#draw();
    const operation = recorder.invoke(this.#connection, input);
    const connection = this.#connection;
    this.#sentMs.push(platform.clock.nowMs());
    // A deadline far away changes nothing, whatever the clocks say.
    const isTimed = input.kind === "set" && random.chance(0.2);
    const words = isTimed ? [...wordsOf(input), "PX", String(hourMs)] : wordsOf(input);
    const what = onStep === undefined ? "" : `${connection}.${operation} ${words.join(" ").slice(0, shownMax)}`;
    onStep?.(`asks ${what}`);
    return {
      words,
      done: (reply) => {
        this.#sentMs.shift();
        const outcome = outcomeOf(reply);
        onStep?.(`hears of ${what}: ${describeOutcome(outcome)}`);
        if (outcome.kind === "replied") recorder.reply(operation, outcome.output);
        else if (outcome.kind === "refused") recorder.refuse(operation);
        else if (outcome.kind === "unknown" && workload.retries) this.#askAgain(input);
        else if (outcome.kind === "nonsense") onViolation(`connection ${connection}: ${words[0]}: ${outcome.text}`);
        this.#endIfDone(session);
      },
    };
  }

  /** On a key with a short deadline: what it answers depends on clocks, and is not judged; the replicas' digests are. */
  #timedCommand(session: RedisSession): Command {
    const { platform, random, takeValue, workload } = this.#options;
    const key = `timed${random.integer(1, workload.keys)}`;
    const deadline = String(random.integer(1, 500));
    const words = random.chance(0.5) ? ["SET", key, takeValue(), "PX", deadline] : ["GET", key];
    this.#sentMs.push(platform.clock.nowMs());
    return {
      words,
      done: () => {
        this.#sentMs.shift();
        this.#endIfDone(session);
      },
    };
  }

  /** The next one comes once this one has closed. */
  #endIfDone(session: RedisSession): void {
    if (this.isIdle && (this.#isStopping || this.#commandsLeft === 0)) session.end();
  }

  /** As an operation of its own: the first one may have happened, too. */
  #askAgain(input: KeyValueInput): void {
    if (this.#again.length < againMax) this.#again.push(input);
  }

  #draw(): KeyValueInput {
    const { random, takeValue, workload } = this.#options;
    const again = this.#again.shift();
    if (again !== undefined) return again;
    const isHot = workload.hotShare > 0 && random.chance(workload.hotShare);
    const index = isHot ? 1 : random.integer(1, workload.keys);
    const isCounter = random.chance(0.4);
    const key = isCounter ? `counter${index}` : `text${index}`;
    if (random.chance(workload.readShare)) return { kind: random.chance(0.9) ? "get" : "length", key };
    const value = takeValue();
    // A counter shows each value once. Were it to start again, or to grow by this or that, or were there many appends,
    // there would be too many orders to try.
    if (isCounter) return { kind: "increment", key, by: 1 };
    if (random.chance(0.04)) return { kind: "append", key, value: value.slice(0, 8) };
    const kind = random.pick(["set", "set", "setIfAbsent", "swap", "delete"] as const);
    return kind === "delete" ? { kind, key } : { kind, key, value };
  }

  #watch(): void {
    const { clock } = this.#options.platform;
    const { patienceMs } = this.#options.workload;
    clock.setTimer(patienceMs / 4, () => {
      const oldestMs = this.#sentMs[0];
      if (oldestMs !== undefined && clock.nowMs() - oldestMs > patienceMs) {
        this.#session?.destroy();
      }
      this.#watch();
    });
  }
}
