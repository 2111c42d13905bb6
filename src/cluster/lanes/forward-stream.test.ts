import { expect, test } from "vitest";
import { type CommandSpec, commandTable, type Keyspace } from "../../keyspace/index.ts";
import { ByteWriter, type PeerLink } from "../../net/index.ts";
import { Arguments } from "../../resp/index.ts";
import { messageType } from "../peers/message-type.ts";
import { packWords } from "../replica/words.ts";
import { ForwardStream } from "./forward-stream.ts";
import type { PendingCommand } from "./pending-command.ts";

/** A connection that notes the types of messages, and how many of them have left the process. */
function fakeLink() {
  const sent: number[] = [];
  const link = {
    isUp: true,
    messageCount: 0,
    sentCount: 0,
    begin(type: number): ByteWriter {
      sent.push(type);
      link.messageCount++;
      return new ByteWriter();
    },
    end(): void {},
  };
  return { link, sent };
}

function started() {
  const { link, sent } = fakeLink();
  const heard: string[] = [];
  const again: PendingCommand[] = [];
  const stream = new ForwardStream({
    id: 7,
    target: { group: 1, leader: 2, term: 3, protocol: 3 },
    link: link as unknown as PeerLink,
    owner: {
      isBehind: false,
      forwardAnswered: (command, text, index) => heard.push(`${command.ticket} answered ${text} at ${index}`),
      forwardSettled: (commands) => {
        again.push(...commands);
        heard.push(`settled, again: ${commands.map(({ ticket }) => ticket)}`);
      },
      forwardLost: (command, outcome) => heard.push(`${command.ticket} lost, ${outcome}`),
      forwardBroken: (reason) => heard.push(`broken: ${reason}`),
    },
  });
  const set = (ticket: number): void => stream.send(pending(ticket, "SET", "k", "v"));
  const get = (ticket: number): void => stream.send(pending(ticket, "GET", "k"));
  const session = (ticket: number, ...words: string[]): void =>
    stream.send(pending(ticket, "COTERIE", "SESSION", ...words));
  const reply = (number: number, text: string | undefined): void =>
    stream.receive({ stream: 7, number, index: 10 + number, text });
  return { link, sent, heard, again, stream, set, get, session, reply };
}

function pending(ticket: number, ...words: string[]): PendingCommand {
  const args = Arguments.of(words);
  const spec = commandTable.resolve(args) as CommandSpec<Keyspace>;
  return { ticket, spec, words: packWords(args), protocol: 3, sinceMs: 0 };
}

test("replies go to their commands in the order of the numbers [S-7]", () => {
  const { heard, set, get, reply, stream } = started();
  set(100);
  get(101);
  reply(1, "+OK");
  expect(stream.unansweredCount).toBe(1);
  reply(2, "$1");
  expect(heard).toEqual(["100 answered +OK at 11", "101 answered $1 at 12"]);
});

test.for([
  { what: "a gap", numbers: [2] },
  { what: "a repeated reply", numbers: [1, 1] },
  { what: "a reply to nothing", numbers: [1, 2, 3, 4] },
])("$what breaks the stream: no reply slips by one place [S-7]", ({ numbers }) => {
  const { heard, set, reply } = started();
  for (const ticket of [100, 101, 102]) set(ticket);
  for (const number of numbers) reply(number, "+OK");
  expect(heard.at(-1)).toMatch(/^broken: reply \d came after reply \d/);
  expect(heard.filter((text) => text.includes("answered"))).toHaveLength(numbers.length - 1);
});

test("replies behind one that comes over bulk wait for it, whichever is here first", () => {
  const { heard, get, reply, stream } = started();
  for (const ticket of [100, 101, 102]) get(ticket);
  reply(1, undefined);
  stream.receiveBulk(3, "large 3");
  reply(2, "small 2");
  reply(3, undefined);
  expect(heard).toEqual([]);
  stream.receiveBulk(1, "large 1");
  expect(heard).toEqual(["100 answered large 1 at 11", "101 answered small 2 at 12", "102 answered large 3 at 13"]);
});

test("what the leader refuses can be sent again, once everything before it is answered [R-10]", () => {
  const { heard, sent, set, reply, stream } = started();
  for (const ticket of [100, 101, 102]) set(ticket);
  stream.refused(2);
  expect([stream.isClosing, stream.unansweredCount]).toEqual([true, 1]);
  expect(heard).toEqual([]);
  reply(1, "+OK");
  expect(heard).toEqual(["100 answered +OK at 11", "settled, again: 101,102"]);
  expect(sent.at(-1)).toBe(messageType.forwardEnd);
});

test("of a broken connection writes that may have left are unknown, those that have not are sent again [R-10, S-4]", () => {
  const { link, heard, set, get, stream } = started();
  set(100);
  get(101);
  set(102);
  get(103);
  link.sentCount = link.messageCount;
  set(104);
  get(105);
  stream.break();
  expect(heard).toEqual([
    "102 lost, unknown",
    "101 lost, notApplied",
    "100 lost, unknown",
    "settled, again: 103,104,105",
  ]);
});

test("a stream that is closed waits for its answers, but not for ever", () => {
  const { link, heard, set, stream } = started();
  set(100);
  link.sentCount = link.messageCount;
  stream.close(1_000);
  stream.expire(999);
  expect(heard).toEqual([]);
  stream.expire(1_000);
  expect(heard).toEqual(["100 lost, unknown", "settled, again: "]);
});

test("the leader hears of what the client has taken, in few messages, and not once the stream is over", () => {
  const { sent, get, reply, stream } = started();
  for (let ticket = 0; ticket < 4; ticket++) get(ticket);
  reply(1, "x".repeat(60_000));
  expect(stream.taken()).toBe(false);
  reply(2, "x".repeat(60_000));
  expect(stream.taken()).toBe(true);
  expect(stream.taken()).toBe(false);
  expect(sent.filter((type) => type === messageType.forwardCredit)).toHaveLength(1);
  reply(3, "x".repeat(600_000));
  stream.end();
  expect(stream.taken()).toBe(false);
});

test("of a broken connection commands of sessions are sent again, with what stood between them [S-5]", () => {
  const { link, heard, stream, set, get, session } = started();
  set(100);
  session(101, "RUN", "7-a", "1", "0", "INCR", "k");
  get(102);
  session(103, "RUN", "7-a", "2", "1", "INCR", "k");
  session(104, "OPEN");
  session(105, "RUN", "7-a", "3", "2", "INCR", "k");
  get(106);
  link.sentCount = 7;
  stream.break();
  expect(heard).toEqual([
    "104 lost, unknown",
    "102 lost, notApplied",
    "100 lost, unknown",
    // In order, and the last read sees what is sent again before it.
    "settled, again: 101,103,105,106",
  ]);
});

test("a command of a session is not sent for ever [S-5]", () => {
  let command: PendingCommand | undefined = pending(1, "COTERIE", "SESSION", "RUN", "7-a", "1", "0", "INCR", "k");
  const lost: string[] = [];
  for (let sending = 1; sending <= 9; sending++) {
    const { link, heard, again, stream } = started();
    if (command !== undefined) stream.send(command);
    link.sentCount = link.messageCount;
    stream.break();
    command = again[0];
    expect(command?.doubts).toBe(sending < 9 ? sending : undefined);
    lost.push(...heard.filter((text) => text.includes("lost")));
  }
  expect(lost).toEqual(["1 lost, unknown"]);
});
