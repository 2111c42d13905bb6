import { afterEach, describe, expect, test } from "vitest";
import { Opened, settled } from "../../test/server/clients.ts";
import type { RawClient } from "../../test/server/raw-client.ts";
import { ErrorReply, type MapReply, ok, type Reply, SimpleString } from "../resp/index.ts";
import type { ShutdownRequest } from "./shutdown.ts";

const opened = new Opened();
const start = opened.start.bind(opened);
const connect = opened.connect.bind(opened);

afterEach(() => opened.close());

async function info(client: RawClient, ...sections: readonly string[]): Promise<string> {
  return String(await client.run("INFO", ...sections));
}

function titles(text: string): string[] {
  return [...text.matchAll(/^# (.*)\r$/gm)].map((match) => match[1] ?? "");
}

describe("INFO", () => {
  test("has Redis' sections in Redis' order, and ours", async () => {
    const client = await connect(await start());
    const usual = "Server,Clients,Memory,Persistence,Stats,Replication,Raft,CPU,Modules,Errorstats,Cluster,Keyspace";
    expect(titles(await info(client))).toEqual(usual.split(","));
    const all = usual.replace("Errorstats", "Commandstats,Errorstats,Latencystats").split(",");
    expect(titles(await info(client, "all"))).toEqual(all);
    expect(titles(await info(client, "EVERYTHING"))).toEqual(all);
    expect(titles(await info(client, "clients", "RAFT"))).toEqual(["Clients", "Raft"]);
    expect(await info(client, "nosuch")).toBe("");
  });

  test("every line is a field, a title, or empty, and ends as Redis' lines do", async () => {
    const client = await connect(await start());
    await client.run("SET", "k", "v");
    await client.run("NOSUCH");
    for (const line of (await info(client, "all")).split("\r\n")) expect(line).toMatch(/^(# \w+|[\w|:.]+:.*|)$/);
  });

  test("says what clients rely on", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("SET", "k", "v", "EX", "100");
    const text = await info(client);
    for (const line of [
      "redis_version:7.0.15",
      "redis_mode:standalone",
      `process_id:${process.pid}`,
      `tcp_port:${served.port}`,
      "loading:0",
      "role:master",
      "cluster_enabled:0",
      "maxmemory_policy:noeviction",
      "db0:keys=1,expires=1,avg_ttl=0",
      "raft_role:leader",
      "raft_leader:n1",
      "raft_applied_index:1",
      "raft_replica:1",
      "raft_rebuild:none",
      "raft_skipped_entries:0",
      "raft_directory:epoch=0,role=leader,term=1,leader=n1,commit_index=1,applied_index=1,replica=1,rebuild=none,skipped_entries=0",
    ])
      expect(text).toContain(`${line}\r\n`);
  });

  test("says how far a node is that loads its log, as clients ask for it", async () => {
    const served = await start();
    const client = await connect(served);
    served.node.loading = { startedWallMs: 1_700_000_000_500, loadedCount: 250, entryCount: 1_000, remainingMs: 4_200 };
    expect(await info(client, "persistence")).toContain(
      "loading:1\r\nasync_loading:0\r\nloading_start_time:1700000000\r\nloading_loaded_perc:25.00\r\nloading_eta_seconds:5\r\n",
    );
  });

  test("counts sessions beside their limit, and says what reading back all that is stored has come to", async () => {
    const served = await start();
    const client = await connect(served);
    for (let count = 0; count < 3; count++) await client.run("COTERIE", "SESSION", "OPEN");
    expect(await info(client, "raft")).toContain("raft_sessions:3\r\nraft_sessions_max:65536\r\n");
    expect(await info(client, "persistence")).not.toContain("scrub");
    const scrub = { isRunning: true, roundCount: 0, lastRoundWallMs: null, readBytes: 7, damageCount: 0 };
    served.node.scrub = scrub;
    expect(await info(client, "persistence")).toContain(
      "raft_scrub_in_progress:1\r\nraft_scrub_rounds:0\r\nraft_scrub_last_time:-1\r\nraft_scrub_bytes:7\r\nraft_scrub_damaged:0\r\n",
    );
    served.node.scrub = {
      ...scrub,
      isRunning: false,
      roundCount: 2,
      lastRoundWallMs: 1_700_000_000_900,
      damageCount: 1,
    };
    expect(await info(client, "persistence")).toContain(
      "raft_scrub_in_progress:0\r\nraft_scrub_rounds:2\r\nraft_scrub_last_time:1700000000\r\nraft_scrub_bytes:7\r\nraft_scrub_damaged:1\r\n",
    );
  });

  test("says what a write to the log takes, and whether the disk is slow", async () => {
    const served = await start();
    const client = await connect(served);
    expect(await info(client, "persistence")).toContain("raft_log_sync_usec:-1\r\nraft_disk_slow:0\r\n");
    served.node.syncMs = 63.25;
    expect(await info(client, "persistence")).toContain("raft_log_sync_usec:63250\r\nraft_disk_slow:1\r\n");
  });

  test("says why a replica has stopped, and for which invariant", async () => {
    const served = await start();
    const client = await connect(served);
    expect(await info(client, "raft")).not.toContain("stopped");
    served.node.stopped = { stoppedBecause: "an invariant is broken, I-8:\nvalues", brokenInvariant: "I-8" };
    const text = await info(client, "raft");
    expect(text).toContain("raft_broken_invariant:I-8\r\n");
    expect(text).toContain("raft_stopped_because:an invariant is broken I-8: values\r\n");
    served.node.stopped = { stoppedBecause: "Error: x", brokenInvariant: undefined, stoppedIndex: 7 };
    expect(await info(client, "raft")).toContain("raft_stopped_at:7\r\n");
    served.node.stopped = { stoppedBecause: "its log is damaged", brokenInvariant: undefined };
    expect(await info(client, "raft")).toContain(
      "raft_stopped_at:\r\nraft_broken_invariant:\r\nraft_stopped_because:its log is damaged\r\n",
    );
  });

  test("counts commands, refusals, failures and errors, until CONFIG RESETSTAT", async () => {
    const client = await connect(await start());
    for (let n = 0; n < 3; n++) await client.run("SET", "k", "v");
    await client.run("INCR", "k");
    await client.run("GET");
    await client.run("CLIENT", "KILL", "1.1.1.1:1");
    await client.run("NOSUCH");
    const stats = await info(client, "commandstats", "errorstats", "stats", "latencystats");
    expect(stats).toMatch(/^cmdstat_set:calls=3,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0\r$/m);
    expect(stats).toMatch(/^cmdstat_incr:calls=1,.*,rejected_calls=0,failed_calls=1\r$/m);
    expect(stats).toMatch(/^cmdstat_get:calls=0,.*,rejected_calls=1,failed_calls=0\r$/m);
    expect(stats).toMatch(/^cmdstat_client\|kill:calls=1,.*,failed_calls=1\r$/m);
    expect(stats).toMatch(/^latency_percentiles_usec_set:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}\r$/m);
    expect(stats).toContain("errorstat_ERR:count=4\r\n");
    expect(stats).toContain("total_error_replies:4\r\n");
    expect(await client.run("CONFIG", "RESETSTAT")).toEqual(ok);
    expect(await info(client, "commandstats")).toMatch(
      /^# Commandstats\r\ncmdstat_config\|resetstat:calls=1,[^\n]*\r\n$/,
    );
    expect(await info(client, "errorstats")).toBe("# Errorstats\r\n");
  });

  test("counts look-ups that hit or miss and keys that expired, until CONFIG RESETSTAT", async () => {
    const served = await start();
    const client = await connect(served);
    const counts = async (): Promise<string[] | null> =>
      (await info(client, "stats")).match(/(?<=(keyspace_hits|keyspace_misses|expired_keys):)\d+/g);
    await client.run("SET", "k", "v", "PX", "900");
    await client.run("MGET", "k", "x", "k");
    expect(await counts()).toEqual(["0", "2", "1"]);
    served.clock.advance(1_000);
    await client.run("GET", "k");
    expect(await counts()).toEqual(["1", "2", "2"]);
    await client.run("CONFIG", "RESETSTAT");
    expect(await counts()).toEqual(["0", "0", "0"]);
  });

  test("is a verbatim string for those who speak RESP3", async () => {
    const client = await connect(await start());
    await client.run("HELLO", "3");
    await client.run("INFO", "cluster");
    expect(client.received).toMatch(/=\d+\r\ntxt:# Cluster\r\n/);
  });
});

describe("MONITOR", () => {
  test("shows every command of others, escaped, without secrets and without what operators do", async () => {
    const served = await start();
    const [monitor, client] = [await connect(served), await connect(served)];
    expect(await monitor.run("MONITOR")).toEqual(ok);
    await client.run("set", "k", 'a"\\\n\x01é');
    await client.run("AUTH", "secret");
    await client.run("HELLO", "2", "AUTH", "default", "secret");
    await client.run("CONFIG", "GET", "hz");
    await client.run("GET", "k");
    const lines = (await monitor.replies(4)).map((reply) => (reply as SimpleString).text);
    const address = `127.0.0.1:${client.socket.localPort}`;
    expect(lines.map((line) => line.replace(/^\d+\.\d{6} /, ""))).toEqual([
      `[0 ${address}] "set" "k" "a\\"\\\\\\n\\x01\\xe9"`,
      `[0 ${address}] "AUTH" "(redacted)"`,
      `[0 ${address}] "HELLO" "2" "AUTH" "(redacted)" "(redacted)"`,
      `[0 ${address}] "GET" "k"`,
    ]);
    expect(await monitor.run("RESET")).toBeInstanceOf(SimpleString);
  });

  test("a monitor that does not read is disconnected", async () => {
    const served = await start({ limits: { pushedBytesMax: 1_000_000 } });
    const [monitor, client] = [await connect(served), await connect(served)];
    await monitor.run("MONITOR");
    monitor.socket.pause();
    const value = "v".repeat(500_000);
    let clients: string;
    do {
      await client.run("SET", "k", value);
      clients = await info(client, "clients");
    } while (!clients.includes("connected_clients:1\r\n"));
    expect(await info(client, "stats")).toContain("client_output_buffer_limit_disconnections:1\r\n");
  });

  test("ends with RESET or with the connection", async () => {
    const served = await start();
    const [monitor, client] = [await connect(served), await connect(served)];
    await monitor.run("MONITOR");
    expect(await monitor.run("RESET")).toEqual(new SimpleString("RESET"));
    await client.run("GET", "k");
    expect(await monitor.run("ECHO", "x")).toBe("x");
    await monitor.run("MONITOR");
    monitor.close();
    for (let n = 0; n < 3; n++) await client.run("GET", "k");
  });
});

describe("SLOWLOG", () => {
  test("keeps commands over keys too, which the node runs", async () => {
    const served = await start();
    const client = await connect(served);
    await client.run("CONFIG", "SET", "slowlog-log-slower-than", "10000000");
    served.node.held = [];
    const manyKeys = ["MGET", ...Array<string>(20).fill("k")];
    for (const commands of [[["KEYS", "*"]], [["GET", "k"], manyKeys, ["SET", "k", "v"]]]) {
      client.sendCommands(...commands);
      await settled(served);
      served.clock.advance(20_000);
      served.node.release();
      await client.replies(commands.length);
    }
    served.node.held = undefined;
    const words = ((await client.run("SLOWLOG", "GET")) as Reply[][]).map((entry) => (entry[3] as string[])[0]);
    // Of these only what may take long by itself is remembered under a threshold so high.
    expect(words).toEqual(["MGET", "KEYS"]);
    await client.run("CONFIG", "SET", "slowlog-log-slower-than", "0");
    await client.run("SET", "k", "v");
    const [latest] = (await client.run("SLOWLOG", "GET", "1")) as Reply[][];
    expect(latest?.[3]).toEqual(["SET", "k", "v"]);
  });

  test("keeps the last commands that were too slow, shortened and without secrets", async () => {
    const client = await connect(await start());
    await client.run("CLIENT", "SETNAME", "me");
    await client.run("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "3");
    await client.run("SLOWLOG", "RESET");
    await client.run("CONFIG", "SET", "requirepass", "secret");
    await client.run("CONFIG", "GET", ...Array<string>(40).fill("x"), "y");
    await client.run("ECHO", "z".repeat(200));
    const entries = (await client.run("SLOWLOG", "GET")) as Reply[][];
    expect(entries.map((entry) => entry.length)).toEqual([6, 6, 6]);
    const words = entries.map((entry) => entry[3] as string[]);
    expect(words[0]).toEqual(["ECHO", `${"z".repeat(128)}... (72 more bytes)`]);
    expect(words[1]?.slice(-2)).toEqual(["x", "... (12 more arguments)"]);
    expect(words[2]).toEqual(["CONFIG", "SET", "requirepass", "(redacted)"]);
    expect(entries[0]?.slice(4)).toEqual([`127.0.0.1:${client.socket.localPort}`, "me"]);
    expect(await client.run("SLOWLOG", "LEN")).toBe(3);
    await client.run("CONFIG", "SET", "slowlog-log-slower-than", "-1");
    await client.run("SLOWLOG", "RESET");
    expect(await client.run("SLOWLOG", "LEN")).toBe(0);
    expect(await client.run("SLOWLOG", "GET", "-1")).toEqual([]);
  });
});

describe("LATENCY", () => {
  test("nothing is recorded below the threshold, and what is above it has a history", async () => {
    const served = await start();
    const client = await connect(served);
    expect(await client.run("LATENCY", "DOCTOR")).toContain("not being monitored");
    await client.run("CONFIG", "SET", "latency-monitor-threshold", "5000");
    served.node.held = [];
    client.sendCommands(["GET", "k"]);
    await settled(served);
    served.clock.advance(7_000);
    served.node.release();
    await client.replies(1);
    served.node.held = undefined;
    const [latest] = (await client.run("LATENCY", "LATEST")) as Reply[][];
    expect(latest?.[0]).toBe("fast-command");
    expect(latest?.[3]).toBeGreaterThanOrEqual(7_000);
    expect(await client.run("LATENCY", "HISTORY", "fast-command")).toHaveLength(1);
    expect(await client.run("LATENCY", "GRAPH", "fast-command")).toContain("#");
    expect(await client.run("LATENCY", "DOCTOR")).toContain("fast-command: 1 slow seconds");
    expect(await client.run("LATENCY", "RESET")).toBe(1);
    expect(await client.run("LATENCY", "LATEST")).toEqual([]);
  });

  test("HISTOGRAM counts calls by command, containers with all they contain", async () => {
    const client = await connect(await start());
    await client.run("HELLO", "3");
    await client.run("PING");
    await client.run("CLIENT", "ID");
    const reply = (await client.run("LATENCY", "HISTOGRAM", "PING", "client", "nosuch")) as MapReply;
    expect(reply.entries.filter((_, index) => index % 2 === 0)).toEqual(["client|id", "ping"]);
    const ping = reply.entries[3] as MapReply;
    expect(ping.entries.slice(0, 3)).toEqual(["calls", 1, "histogram_usec"]);
  });
});

describe("the server itself", () => {
  test("SHUTDOWN calls the host, with what was asked", async () => {
    const requests: ShutdownRequest[] = [];
    const client = await connect(await start({ shutdown: (request) => requests.push(request) }));
    client.sendCommands(["SHUTDOWN", "NOSAVE", "NOW"]);
    await expect.poll(() => requests).toEqual([{ isNow: true, isForced: false }]);
  });

  test("SHUTDOWN without a host that could is refused, as is nonsense", async () => {
    const client = await connect(await start());
    expect(await client.run("SHUTDOWN")).toEqual(new ErrorReply("ERR Errors trying to SHUTDOWN. Check logs."));
    expect(await client.run("SHUTDOWN", "SAVE", "NOSAVE")).toEqual(new ErrorReply("ERR syntax error"));
    expect(await client.run("SHUTDOWN", "ABORT")).toEqual(new ErrorReply("ERR No shutdown in progress."));
  });

  test("COTERIE STATUS is what the node says, as JSON", async () => {
    const client = await connect(await start());
    expect(JSON.parse(String(await client.run("COTERIE", "STATUS")))).toEqual({
      nodes: [{ name: "n1", role: "leader" }],
    });
  });

  test("COTERIE SESSION is a command of the keyspace: run, described, and with the keys of what is within", async () => {
    const client = await connect(await start());
    const id = String(await client.run("COTERIE", "SESSION", "OPEN"));
    const run = ["coterie", "session", "run", id, "1", "0", "MSET", "a", "1", "b", "2"] as const;
    expect([await client.run(...run), await client.run(...run)]).toEqual([ok, ok]);
    expect(await client.run("COMMAND", "GETKEYS", ...run)).toEqual(["a", "b"]);
    expect(
      await client.run("COMMAND", "GETKEYSANDFLAGS", "COTERIE", "SESSION", "RUN", id, "2", "1", "GET", "a"),
    ).toEqual([["a", [new SimpleString("RO"), new SimpleString("access")]]]);
    const refused = async (...words: string[]): Promise<string> => {
      const reply = await client.run("COMMAND", "GETKEYS", ...words);
      return reply instanceof ErrorReply ? reply.text : "no error";
    };
    expect(await refused("COTERIE", "SESSION", "OPEN")).toBe("ERR Invalid arguments specified for command");
    expect(await refused("COTERIE", "SESSION", "RUN", id, "2", "1", "PING")).toBe(
      "ERR The command has no key arguments",
    );
    expect(await refused("COTERIE", "SESSION", "RUN", id, "2", "1", "NOSUCH", "a")).toBe(
      "ERR Invalid command specified",
    );
    const [info] = (await client.run("COMMAND", "INFO", "coterie|session")) as Reply[][];
    expect(info?.slice(0, 2)).toEqual(["coterie|session", -3]);
    const docs = (await client.run("COMMAND", "DOCS", "COTERIE|SESSION")) as Reply[];
    expect(docs[0]).toBe("coterie|session");
    expect(JSON.stringify(docs)).toContain("acknowledged");
    const [container] = (await client.run("COMMAND", "INFO", "COTERIE")) as Reply[][];
    expect(JSON.stringify(container?.[9])).toMatch(/coterie\|status.*coterie\|session/);
  });

  test("every container explains itself", async () => {
    const client = await connect(await start());
    for (const container of ["CLIENT", "COMMAND", "CONFIG", "COTERIE", "LATENCY", "MEMORY", "OBJECT", "SLOWLOG"]) {
      const lines = (await client.run(container, "HELP")) as SimpleString[];
      expect(lines[0]?.text).toBe(`${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
      expect(lines.length).toBeGreaterThan(3);
    }
  });

  test("MEMORY adds up, and the weight of a key is the keyspace's answer", async () => {
    const client = await connect(await start());
    await client.run("SET", "k", "v".repeat(1_000));
    expect(await client.run("MEMORY", "USAGE", "k")).toBeGreaterThan(1_000);
    const stats = (await client.run("MEMORY", "STATS")) as Reply[];
    expect(stats[stats.indexOf("keys.count") + 1]).toBe(1);
    expect(await client.run("MEMORY", "PURGE")).toEqual(ok);
    expect(await client.run("MEMORY", "DOCTOR")).toContain("MiB");
  });

  test("an idle client is ended once timeout has passed", async () => {
    const served = await start();
    const [operator, idle] = [await connect(served), await connect(served)];
    await idle.run("PING");
    await operator.run("CONFIG", "SET", "timeout", "60");
    served.clock.advance(50_000);
    expect(await operator.run("PING")).toEqual(new SimpleString("PONG"));
    served.clock.advance(11_000);
    await idle.ended();
    expect(await operator.run("INFO", "clients")).toContain("connected_clients:1\r\n");
  });
});
