import { expect, test } from "vitest";
import { Replica } from "../../test/keyspace/replica.ts";
import { Keyspace } from "./keyspace.ts";

/** Keys "a", "b" and, due since the time 1,000, "due"; nothing counted. */
function filled(): Replica {
  const replica = new Replica();
  replica.write(1, ["MSET", "a", "1", "b", "2"]);
  replica.write(1, ["SET", "due", "3", "PXAT", "1000"]);
  replica.keyspace.statistics.reset();
  return replica;
}

/** As redis-server 7.0.15 counts them. */
test.for<[string, hits: number, misses: number]>([
  ["GET a", 1, 0],
  ["GET x", 0, 1],
  ["GETSET a 1", 1, 0],
  ["GETSET x 1", 0, 1],
  ["SET a 1", 0, 0],
  ["SET a 1 GET", 1, 0],
  ["SET x 1 XX GET", 0, 1],
  ["SET x 1 NX GET", 0, 1],
  ["SETNX a 1", 0, 0],
  ["SETEX b 10 1", 0, 0],
  ["GETEX a", 1, 0],
  ["GETEX a EX 100", 1, 0],
  ["GETEX a EX foo", 1, 0],
  ["GETEX x EX foo", 0, 1],
  ["GETEX a foo", 0, 0],
  ["GETDEL a", 1, 0],
  ["MGET a b x", 2, 1],
  ["MSETNX a 1 c 1", 0, 0],
  ["STRLEN a", 1, 0],
  ["STRLEN x", 0, 1],
  ["GETRANGE a 0 1", 1, 0],
  ["GETRANGE a 0 foo", 0, 0],
  ["SUBSTR x 0 1", 0, 1],
  ["APPEND a 1", 0, 0],
  ["SETRANGE a 1 x", 0, 0],
  ["INCR a", 0, 0],
  ["INCRBYFLOAT a 1", 0, 0],
  ["LCS a b", 2, 0],
  ["LCS a x LEN", 1, 1],
  ["EXISTS a b x", 2, 1],
  ["TOUCH a x", 1, 1],
  ["TYPE a", 1, 0],
  ["TYPE x", 0, 1],
  ["TTL a", 1, 0],
  ["PTTL x", 0, 1],
  ["EXPIRETIME a", 1, 0],
  ["EXPIRE a 100", 0, 0],
  ["PERSIST a", 0, 0],
  ["OBJECT ENCODING a", 1, 0],
  ["OBJECT FREQ x", 0, 1],
  ["OBJECT REFCOUNT a", 1, 0],
  ["OBJECT IDLETIME a", 1, 0],
  ["OBJECT HELP", 0, 0],
  ["MEMORY USAGE a", 0, 0],
  ["COPY a z", 1, 0],
  ["COPY a b", 1, 0],
  ["COPY x z", 0, 1],
  ["COPY a a", 0, 0],
  ["RENAME a z", 0, 0],
  ["RENAMENX a b", 0, 0],
  ["DEL a x", 0, 0],
  ["RANDOMKEY", 0, 0],
  ["KEYS *", 0, 0],
  ["SCAN 0", 0, 0],
  ["SCAN 0 TYPE string", 2, 0],
  ["SCAN 0 MATCH a TYPE list", 1, 0],
  ["DBSIZE", 0, 0],
  ["GET", 0, 0],
])("%s counts %i hits and %i misses", ([command, hitCount, missCount]) => {
  const replica = filled();
  replica.advance(1_000);
  replica.keyspace.statistics.reset();
  replica.run(command.split(" "));
  expect(replica.keyspace.statistics).toMatchObject({ hitCount, missCount });
});

test("a read that meets a due key is counted once, when it is run again", () => {
  const replica = filled();
  replica.run(["MGET", "a", "due", "x"], 1_000);
  expect(replica.clockEntryCount).toBe(1);
  expect(replica.keyspace.statistics).toMatchObject({ hitCount: 1, missCount: 2, expiredCount: 1 });
});

test.for<[string, command: string[]]>([
  ["freed when their time has come", ["GET", "a"]],
  ["overwritten", ["SET", "due", "4"]],
  ["looked up", ["EXISTS", "due"]],
  ["removed", ["DEL", "due"]],
])("due keys count as expired once if they are %s", ([, command]) => {
  const replica = filled();
  replica.write(1_000, command);
  replica.advance(1_001);
  expect(replica.keyspace.statistics.expiredCount).toBe(1);
});

test("keys that are removed, flushed or given a past deadline do not count as expired", () => {
  const replica = filled();
  replica.write(999, ["DEL", "due"], ["EXPIRE", "a", "-1"], ["FLUSHALL"]);
  expect(replica.keyspace.statistics.expiredCount).toBe(0);
});

test("what is counted is no part of the state, and goes on where another keyspace takes the place of one", () => {
  const replica = filled();
  const { statistics } = replica.keyspace;
  const before = replica.keyspace.checksum();
  replica.run(["GET", "a"]);
  expect(replica.keyspace.checksum()).toBe(before);
  const successor = new Replica(new Keyspace({ statistics }));
  successor.run(["GET", "a"]);
  expect(statistics).toMatchObject({ hitCount: 1, missCount: 1 });
  statistics.reset();
  expect(statistics).toEqual({ hitCount: 0, missCount: 0, expiredCount: 0 });
});
