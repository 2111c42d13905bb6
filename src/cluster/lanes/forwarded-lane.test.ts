import { expect, test } from "vitest";
import { NotedLinks } from "../../../test/cluster/snapshot-fixture.ts";
import type { PeerLinks } from "../../net/index.ts";
import { Arguments, type RespVersion } from "../../resp/index.ts";
import type { Replica } from "../replica/replica.ts";
import type { BulkSender } from "./bulk.ts";
import { type ForwardHeader, readForwardReply } from "./forward-wire.ts";
import { ForwardedLane } from "./forwarded-lane.ts";

const term = 4;

function headerOf(number: number, changes: Partial<ForwardHeader> = {}): ForwardHeader {
  return { stream: 9, number, group: 1, term, protocol: 2 as RespVersion, ...changes };
}

/** A stream at a leader that answers each command with its number, or when it is told to. */
function setting(group = 1) {
  const connections = new NotedLinks();
  const submitted: number[] = [];
  const replica = {
    group,
    isLeading: true,
    route: { term },
    submit: (_lane: ForwardedLane, number: number) => void submitted.push(number),
  };
  const lane = new ForwardedLane({
    first: headerOf(1),
    replica: replica as unknown as Replica,
    link: (connections.links as PeerLinks).link(2, "data") as NonNullable<ReturnType<PeerLinks["link"]>>,
    bulk: undefined as unknown as BulkSender,
    bulkBytesMin: 1_000,
    replyBytesMax: 10_000,
    replyWindowBytes: 1_000,
    onOutput: () => {},
  });
  const send = (number: number, words: readonly string[], changes: Partial<ForwardHeader> = {}): void =>
    lane.accept(headerOf(number, changes), Arguments.of(words));
  const accept = (number: number, changes: Partial<ForwardHeader> = {}): void =>
    send(number, ["SET", "key", String(number)], changes);
  /** The numbers of the refusals and of the replies that went out, in their order. */
  const sent = (): readonly string[] =>
    connections.take("data").map((input) => {
      if (input.remainingBytes > 16) return `reply ${readForwardReply(input)?.number}`;
      expect(input.integer()).toBe(9);
      return `refusal ${input.integer()}`;
    });
  return { lane, replica, submitted, accept, send, sent };
}

test("a number of a forwarded stream that is not the next is refused, and all behind it, whatever comes [R-10]", () => {
  const { accept, sent, submitted } = setting();
  accept(1);
  accept(3);
  expect(sent()).toEqual(["refusal 3"]);
  for (const number of [2, 3, 4]) accept(number);
  expect([submitted, sent()]).toEqual([[1], []]);
});

test("a forwarded command that comes twice is not done twice [R-10]", () => {
  const { accept, sent, submitted } = setting();
  for (const number of [1, 2, 2, 3]) accept(number);
  expect([submitted, sent()]).toEqual([[1, 2], ["refusal 2"]]);
});

test.for([
  { name: "in another term", changes: { term: term - 1 } },
  { name: "in another version of the protocol", changes: { protocol: 3 as RespVersion } },
])("a forwarded command $name is refused, and all behind it [R-10]", ({ changes }) => {
  const { accept, sent, submitted } = setting();
  accept(1);
  accept(2, changes);
  accept(2);
  expect([submitted, sent()]).toEqual([[1], ["refusal 2"]]);
});

test("a leader that is none any more takes nothing more of a stream, and answers what it has taken [R-10]", () => {
  const { accept, lane, replica, sent, submitted } = setting();
  accept(1);
  accept(2);
  replica.isLeading = false;
  accept(3);
  replica.isLeading = true;
  accept(3);
  lane.answer(2, "OK");
  lane.answer(1, "OK");
  expect([submitted, sent()]).toEqual([
    [1, 2],
    ["refusal 3", "reply 1", "reply 2"],
  ]);
});

test("a change of the directory goes to the directory's group, which takes nothing else; no shard takes it", () => {
  const words = ["DIRECTORY-CHANGE", "0", "node:4", "text"];
  for (const { group, taken } of [
    { group: 0, taken: [1, 3] },
    { group: 1, taken: [2] },
  ]) {
    const { send, sent, submitted } = setting(group);
    send(1, words);
    send(2, ["SET", "key", "value"]);
    if (group === 0) send(3, words);
    expect(submitted).toEqual(taken);
    // Whatever is not for this group is answered with an error, in its place.
    expect(sent()).toEqual(group === 0 ? [] : ["reply 1"]);
  }
});
