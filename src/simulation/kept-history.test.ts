import { expect, test } from "vitest";
import { continued, firstReads, KeptHistory } from "./kept-history.ts";
import { type KeyValueOutput, keyValueSpecification } from "./key-value-specification.ts";
import { checkConnectionOrder } from "./linearizability.ts";

/** Three increments that were answered; the times after each. */
function counted(): { readonly history: KeptHistory; readonly times: readonly number[] } {
  const history = new KeptHistory();
  const times = [1, 2, 3].map((value) => {
    history.reply(history.invoke(1, { kind: "increment", key: "k", by: 1 }), value);
    return history.now;
  });
  return { history, times };
}

function judge(history: KeptHistory, value: KeyValueOutput, sinceAt: number): string {
  const operations = history.operationsWith([{ key: "k", value, sinceAt }]);
  return checkConnectionOrder(operations, keyValueSpecification).kind;
}

test("what is found may be any value since then, and none that was overtaken before", () => {
  const { history, times } = counted();
  const [, second = 0] = times;
  expect(["1", "2", "3", "4"].map((value) => judge(history, value, second))).toEqual([
    "failed",
    "passed",
    "passed",
    "failed",
  ]);
  expect(judge(history, null, 0)).toBe("passed");
});

test("where nothing may be lost it is the last value, or one that an open operation has made of it", () => {
  const { history } = counted();
  const all = (): number => history.now + 1;
  expect(["2", "3", "4"].map((value) => judge(history, value, all()))).toEqual(["failed", "passed", "failed"]);
  history.invoke(2, { kind: "increment", key: "k", by: 1 });
  expect(["2", "3", "4"].map((value) => judge(history, value, all()))).toEqual(["failed", "passed", "passed"]);
});

test("a write that was refused by those who are lost may have happened, one that was refused before may not", () => {
  const { history } = counted();
  history.refuse(history.invoke(2, { kind: "increment", key: "k", by: 1 }));
  history.reply(history.invoke(2, { kind: "get", key: "k" }), "3");
  const sinceAt = history.now;
  expect(judge(history, "4", sinceAt)).toBe("failed");
  history.refuse(history.invoke(3, { kind: "increment", key: "k", by: 1 }));
  expect(judge(history, "4", sinceAt)).toBe("passed");
  expect(judge(history, "4", history.now + 1)).toBe("failed");
});

test("what follows begins with what was found", () => {
  const later = new KeptHistory();
  const read = (value: KeyValueOutput): void => later.reply(later.invoke(1, { kind: "get", key: "k" }), value);
  read("7");
  later.reply(later.invoke(2, { kind: "increment", key: "k", by: 1 }), 8);
  read("8");
  const values = firstReads(later.operations());
  expect([...values]).toEqual([["k", "7"]]);
  expect(checkConnectionOrder(continued(values, later.operations()), keyValueSpecification).kind).toBe("passed");
  read("7");
  expect(checkConnectionOrder(continued(values, later.operations()), keyValueSpecification).kind).toBe("failed");
});
