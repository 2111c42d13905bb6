import { expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../net/index.ts";
import type { Heartbeat } from "../../raft/index.ts";
import { Heartbeats } from "./heartbeats.ts";
import { readRaftMessages } from "./raft-codec.ts";

interface Frame {
  readonly to: number;
  readonly bytes: Buffer;
}

/** Links that write down what is sent. */
function links(queuedBytes: number): { readonly frames: Frame[]; readonly heartbeats: Heartbeats } {
  const frames: Frame[] = [];
  const link = (to: number) => {
    let writer = new ByteWriter(1);
    return {
      queuedBytes,
      begin: (_type: number, byteCount: number) => {
        writer = new ByteWriter(byteCount);
        return writer;
      },
      end: () => frames.push({ to, bytes: writer.finish() }),
    };
  };
  return { frames, heartbeats: new Heartbeats((nodeId) => (nodeId === 9 ? undefined : link(nodeId)), 100) };
}

function heartbeat(to: number, term: number): Heartbeat {
  return { type: "heartbeat", from: 1, to, term, commit: term * 10, readRound: 0 };
}

function read({ bytes }: Frame): ReturnType<typeof readRaftMessages> {
  const input = new ByteReader();
  input.open(bytes, 0, bytes.length);
  return readRaftMessages(input);
}

test("what goes to one node in one turn is one message, whatever the number of groups [H-2]", () => {
  const { frames, heartbeats } = links(0);
  for (let group = 1; group <= 64; group++) {
    heartbeats.add(group, heartbeat(2, group));
    heartbeats.add(group, heartbeat(3, group));
    heartbeats.add(group, { type: "heartbeatResponse", from: 1, to: 3, term: group, readRound: 7 });
  }
  heartbeats.flush();
  heartbeats.flush();
  expect(frames.map(({ to }) => to)).toEqual([2, 3]);
  const [first, second] = frames.map(read);
  expect(first).toEqual(Array.from({ length: 64 }, (_, at) => ({ group: at + 1, message: heartbeat(2, at + 1) })));
  expect(second).toHaveLength(128);
  expect(second?.[1]?.message).toEqual({ type: "heartbeatResponse", from: 1, to: 3, term: 1, readRound: 7 });
});

test("answers that say nothing new wait for a beat, or for what goes to that node anyway [H-2]", () => {
  const { frames, heartbeats } = links(0);
  const answer = (term: number, readRound = 0, to = 2): void =>
    heartbeats.add(1, { type: "heartbeatResponse", from: 1, to, term, readRound });
  const sent = (): number[] => {
    heartbeats.flush();
    return frames.splice(0).map((frame) => read(frame)?.length ?? 0);
  };
  answer(5);
  expect(sent()).toEqual([1]); // The first one in a term.
  answer(5);
  expect(sent()).toEqual([]);
  heartbeats.beat();
  expect(sent()).toEqual([1]);
  answer(5);
  heartbeats.add(2, heartbeat(2, 7));
  expect(sent()).toEqual([2]);
  answer(5);
  answer(5, 0, 3);
  expect(sent()).toEqual([1]); // Another node has had no answer yet.
  answer(5, 9);
  expect(sent()).toEqual([2]); // Reads wait for it.
  answer(6);
  expect(sent()).toEqual([1]);
  heartbeats.lost(2);
  answer(6);
  expect(sent()).toEqual([1]);
});

test("nothing waits for a node that is not there, or takes nothing", () => {
  const { frames, heartbeats } = links(101);
  heartbeats.add(1, heartbeat(2, 1));
  heartbeats.add(1, heartbeat(9, 1));
  heartbeats.flush();
  heartbeats.flush();
  expect(frames).toEqual([]);
});

test("a frame that ends within a message is refused", () => {
  const { frames, heartbeats } = links(0);
  heartbeats.add(1, heartbeat(2, 1));
  heartbeats.flush();
  const [frame] = frames as [Frame];
  expect(read({ ...frame, bytes: frame.bytes.subarray(0, -1) })).toBeUndefined();
});
