/** Random programs over several channels, with selects, cancellations and closes, held against a simple model. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { background, Channel, closed, receiving, select, sending } from "./index.ts";

interface Case {
  readonly side: "send" | "receive";
  readonly channel: number;
}

interface Waiting {
  readonly id: number;
  readonly cases: readonly Case[];
}

/** What channels do, said as plainly as it can be: lists of values, and one list of all who wait, the longest first. */
class Model {
  readonly channels: { readonly capacity: number; readonly buffer: string[]; isClosed: boolean }[];
  readonly outcomes = new Map<number, string>();
  waiting: Waiting[] = [];

  constructor(capacities: readonly number[]) {
    this.channels = capacities.map((capacity) => ({ capacity, buffer: [], isClosed: false }));
  }

  isReady({ side, channel: at }: Case): boolean {
    const channel = this.#channel(at);
    const isMet = this.#partner(at, side === "send" ? "receive" : "send") !== undefined;
    const hasRoom = side === "send" ? channel.buffer.length < channel.capacity : channel.buffer.length > 0;
    return channel.isClosed || isMet || hasRoom;
  }

  /** Carries out a case that is ready; what came of it. */
  carryOut(id: number, place: number, { side, channel: at }: Case): string {
    const channel = this.#channel(at);
    const partner = this.#partner(at, side === "send" ? "receive" : "send");
    if (side === "send") {
      if (channel.isClosed) return "refused";
      if (partner !== undefined) this.#finish(partner, at, "receive", `got ${id}.${place}`);
      else channel.buffer.push(`${id}.${place}`);
      return `${place} sent`;
    }
    const offered = partner === undefined ? undefined : this.#finish(partner, at, "send", "sent");
    if (channel.buffer.length === 0) return offered === undefined ? `${place} closed` : `${place} got ${offered}`;
    const value = channel.buffer.shift();
    if (offered !== undefined) channel.buffer.push(offered);
    return `${place} got ${value}`;
  }

  cancel(id: number): void {
    if (!this.waiting.some((each) => each.id === id)) return;
    this.waiting = this.waiting.filter((each) => each.id !== id);
    this.outcomes.set(id, "cancelled");
  }

  close(at: number): void {
    const channel = this.#channel(at);
    if (channel.isClosed) return;
    channel.isClosed = true;
    for (const side of ["receive", "send"] as const) {
      for (let each = this.#partner(at, side); each !== undefined; each = this.#partner(at, side)) {
        if (side === "receive") this.#finish(each, at, side, "closed");
        else this.#end(each, "refused");
      }
    }
  }

  /** How many cases wait at a channel. */
  count(at: number, side: Case["side"]): number {
    return this.waiting.flatMap(({ cases }) => cases).filter((each) => each.channel === at && each.side === side)
      .length;
  }

  #channel(at: number) {
    const channel = this.channels[at];
    if (channel === undefined) throw new RangeError(`no channel ${at}`);
    return channel;
  }

  #partner(at: number, side: Case["side"]): Waiting | undefined {
    return this.waiting.find(({ cases }) => cases.some((each) => each.channel === at && each.side === side));
  }

  /** Somebody who waits is served; the value that it offers. */
  #finish(who: Waiting, at: number, side: Case["side"], what: string): string {
    const place = who.cases.findIndex((each) => each.channel === at && each.side === side);
    this.#end(who, `${place} ${what}`);
    return `${who.id}.${place}`;
  }

  #end(who: Waiting, outcome: string): void {
    this.waiting = this.waiting.filter((each) => each !== who);
    this.outcomes.set(who.id, outcome);
  }
}

/** Lets everything run that can run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await undefined;
}

type Step = readonly Case[] | { readonly cancel: number } | { readonly close: number };

/** The same program on real channels. */
class Program {
  readonly outcomes = new Map<number, string>();
  readonly channels: Channel<string>[];
  readonly #cancels = new Map<number, () => void>();

  constructor(capacities: readonly number[]) {
    this.channels = capacities.map((capacity) => new Channel<string>(capacity));
  }

  async start(id: number, cases: readonly Case[]): Promise<void> {
    const [context, cancel] = background().withCancel();
    this.#cancels.set(id, cancel);
    const received = (place: number) => (value: string | typeof closed) =>
      value === closed ? `${place} closed` : `${place} got ${value}`;
    const [only] = cases;
    try {
      let outcome: string;
      if (cases.length === 1 && only !== undefined) {
        const channel = this.at(only.channel);
        if (only.side === "receive") outcome = received(0)(await channel.receive(context));
        else {
          await channel.send(`${id}.0`, context);
          outcome = "0 sent";
        }
      } else {
        outcome = await select(
          cases.map(({ side, channel }, place) =>
            side === "receive"
              ? receiving(this.at(channel), received(place))
              : sending(this.at(channel), `${id}.${place}`, () => `${place} sent`),
          ),
          context,
        );
      }
      this.outcomes.set(id, outcome);
    } catch (error) {
      this.outcomes.set(id, (error as { code: string }).code === "CANCELLED" ? "cancelled" : "refused");
    }
  }

  cancel(id: number): void {
    this.#cancels.get(id)?.();
  }

  close(at: number): void {
    if (!this.at(at).isClosed) this.at(at).close();
  }

  at(channel: number): Channel<string> {
    return this.channels[channel] as Channel<string>;
  }
}

const channelCount = 3;
const oneCase = fc.record<Case>({
  side: fc.constantFrom("send", "receive"),
  channel: fc.nat(channelCount - 1),
});
const oneStep = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.array(oneCase, { minLength: 1, maxLength: 1 }) },
  { weight: 4, arbitrary: fc.array(oneCase, { minLength: 2, maxLength: 4 }) },
  { weight: 2, arbitrary: fc.record({ cancel: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ close: fc.nat(channelCount - 1) }) },
);

test("random programs over channels do what lists would do: nothing is lost, doubled or overtaken", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(2), { minLength: channelCount, maxLength: channelCount }),
      fc.array(oneStep, { maxLength: 40 }),
      async (capacities, steps) => {
        const model = new Model(capacities);
        const program = new Program(capacities);
        for (const [id, step] of steps.entries()) {
          if ("cancel" in step) {
            model.cancel(step.cancel);
            program.cancel(step.cancel);
          } else if ("close" in step) {
            model.close(step.close);
            program.close(step.close);
          } else {
            void program.start(id, step);
          }
          await settle();
          if (!("cancel" in step) && !("close" in step)) expectStarted(model, program, id, step);
          expect([...program.outcomes].sort()).toEqual([...model.outcomes].sort());
          for (const [at, channel] of program.channels.entries()) {
            const senders = model.count(at, "send");
            expect(channel.waiting).toEqual({ senders, receivers: model.count(at, "receive") });
            expect(channel.length).toBe(model.channels[at]?.buffer.length);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

/** Which of several ready cases a select takes is its own choice; the model follows it. */
function expectStarted(model: Model, program: Program, id: number, cases: readonly Case[]): void {
  const ready = [...cases.entries()].filter(([, each]) => model.isReady(each));
  if (ready.length === 0) {
    model.waiting.push({ id, cases });
    return;
  }
  const outcome = program.outcomes.get(id);
  expect(outcome).toBeDefined();
  const place = outcome === "refused" ? refusedPlace(model, ready) : Number(outcome?.split(" ")[0]);
  const chosen = ready.find(([at]) => at === place);
  expect(chosen).toBeDefined();
  if (chosen !== undefined) model.outcomes.set(id, model.carryOut(id, ...chosen));
}

function refusedPlace(model: Model, ready: readonly (readonly [number, Case])[]): number | undefined {
  return ready.find(([, { side, channel }]) => side === "send" && model.channels[channel]?.isClosed === true)?.[0];
}
