import { expect, test } from "vitest";
import type { Configuration } from "../../raft/index.ts";
import { HeardConfiguration, type LeadingReplica } from "./heard-configuration.ts";

const configuration: Configuration = {
  voters: [1, 2, 4],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
  highestReplica: 4,
};

/** It knows that what it has is committed; what it is to take in besides, it takes in unless it is full. */
class FakeReplica implements LeadingReplica {
  readonly core = { configuration, term: 2, lastIndex: 9, commitIndex: 9 };
  isFull = false;

  proposeNothing(): void {
    if (!this.isFull) this.core.lastIndex++;
  }
}

test("a configuration is heard once an entry is committed that came after it, of the same leader [M-10]", () => {
  const [replica, heard] = [new FakeReplica(), new HeardConfiguration()];
  expect([heard.isHeard(replica), replica.core.lastIndex]).toEqual([false, 10]);
  expect([heard.isHeard(replica), replica.core.lastIndex]).toEqual([false, 10]);
  replica.core.commitIndex = 10;
  expect([heard.isHeard(replica), heard.isHeard(replica)]).toEqual([true, true]);
  // What is committed already when it is asked says nothing.
  replica.core.configuration = { ...configuration, highestReplica: 5 };
  expect([heard.isHeard(replica), replica.core.lastIndex]).toEqual([false, 11]);
  replica.core.commitIndex = 11;
  expect(heard.isHeard(replica)).toBe(true);
  // Entries of another leader may have come with an older commit index.
  replica.core.term = 3;
  expect([heard.isHeard(replica), replica.core.lastIndex]).toEqual([false, 12]);
});

test("an entry that was refused is proposed again [M-10]", () => {
  const [replica, heard] = [new FakeReplica(), new HeardConfiguration()];
  replica.isFull = true;
  expect([heard.isHeard(replica), heard.isHeard(replica)]).toEqual([false, false]);
  replica.isFull = false;
  expect([heard.isHeard(replica), replica.core.lastIndex]).toEqual([false, 10]);
  replica.core.commitIndex = 10;
  expect(heard.isHeard(replica)).toBe(true);
});
