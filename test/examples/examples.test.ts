/** Each teaching program prints what its Go original prints; either order where two lines race there. */
import { Context } from "coterie/channels";
import { SimulatedWorld } from "coterie/simulation";
import { expect, test } from "vitest";
import { main as buffered } from "../../examples/buffered.ts";
import { main as channel } from "../../examples/channel.ts";
import { main as chat } from "../../examples/chat.ts";
import { main as consistentHashing } from "../../examples/consistent-hashing.ts";
import { main as crawler } from "../../examples/crawler.ts";
import { main as dht } from "../../examples/dht.ts";
import { main as done } from "../../examples/done.ts";
import { main as goroutine } from "../../examples/goroutine.ts";
import { main as hello } from "../../examples/hello.ts";
import { main as json } from "../../examples/json.ts";
import { main as raftElection } from "../../examples/raft-election.ts";
import { main as tcpClient } from "../../examples/tcp-client.ts";
import { main as tcpServer } from "../../examples/tcp-server.ts";
import { Tally } from "../../examples/telemetry/tally.ts";
import { main as telemetry } from "../../examples/telemetry.ts";
import { main as udpClient } from "../../examples/udp-client.ts";
import { main as udpServer } from "../../examples/udp-server.ts";
import { main as variables } from "../../examples/variables.ts";

type Program = (output: (line: string) => void) => void | Promise<void>;

async function linesOf(program: Program): Promise<readonly string[]> {
  const lines: string[] = [];
  await program((line) => lines.push(line));
  return lines;
}

test.for<{ name: string; program: Program; lines: readonly string[] }>([
  { name: "hello", program: hello, lines: ["Hello, Go!"] },
  { name: "variables", program: variables, lines: ["10 20"] },
  { name: "channel", program: channel, lines: ["10"] },
  { name: "buffered", program: buffered, lines: ["1", "2"] },
  { name: "json", program: json, lines: ['{"sender":"Client","content":"Hello, Server!"}', "Client Hello, Server!"] },
  { name: "raft-election", program: raftElection, lines: ["Leader élu pour le terme 1"] },
  { name: "dht", program: dht, lines: ["Donnée stockée sur le nœud 100"] },
  {
    name: "consistent-hashing",
    program: consistentHashing,
    lines: ["Clé filename1 stockée sur le nœud 100", "Clé filename2 stockée sur le nœud 50"],
  },
])("$name", async ({ program, lines }) => {
  expect(await linesOf(program)).toEqual(lines);
});

test("goroutine", async () => {
  expect((await linesOf(goroutine)).toSorted()).toEqual(["Hello", "World"]);
});

test("done takes two seconds of its clock", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock, random } = world.machine("learner").start();
  const startedMs = clock.nowMs();
  const times: [line: string, timeMs: number][] = [];
  const note = (line: string): number => times.push([line, Math.round(clock.nowMs() - startedMs)]);
  await world.until(done(note, Context.background({ clock, random })));
  expect(times).toEqual([
    ["Travail en cours...", 0],
    ["Travail terminé", 2_000],
    ["Fin du programme", 2_000],
  ]);
});

test("tcp-server greets tcp-client", async () => {
  const [context, stop] = Context.background().withCancel();
  const lines: string[] = [];
  let serving: Promise<void> | undefined;
  const port = await new Promise<number>((listening, reject) => {
    serving = tcpServer((line) => lines.push(`server: ${line}`), "127.0.0.1:0", { context, listening });
    serving.catch(reject);
  });
  for (let count = 0; count < 2; count++) {
    await tcpClient((line) => lines.push(line), `127.0.0.1:${port}`);
  }
  stop();
  await serving;
  expect(lines).toEqual(["Hello from server", "Hello from server"]);
});

test("udp-server prints what udp-client sends, and from where", async () => {
  const [context, stop] = Context.background().withCancel();
  const lines: string[] = [];
  let serving: Promise<void> | undefined;
  const port = await new Promise<number>((listening, reject) => {
    const output = (line: string): void => {
      lines.push(line);
      stop();
    };
    serving = udpServer(output, "127.0.0.1:0", { context, listening });
    serving.catch(reject);
  });
  await udpClient((line) => lines.push(line), `127.0.0.1:${port}`);
  await serving;
  expect(lines).toEqual([expect.stringMatching(/^Reçu de 127\.0\.0\.1:\d+ : Hello UDP Server$/)]);
});

test("chat: everybody hears the others, who is too slow has to go, and at the end all hear that it is over", async () => {
  expect(await linesOf(chat)).toEqual([
    "Ana hears What is your name?",
    "[Ana joined]",
    "Ana hears * Ana is here.",
    "[Ben joined]",
    "Ana hears * Ben is here.",
    "Ben hears Ana: Bonjour !",
    "[Carla joined]",
    "Ben hears * Carla is here.",
    "[Carla was too slow]",
    "Ben hears * Carla was too slow.",
    "Ana hears Ben: Now we are among ourselves.",
    "Ana hears * The chat is over.",
    "Ben hears * The chat is over.",
  ]);
});

test("crawler: every page is met once, by several workers at a time", async () => {
  // More patience than the one page that never answers would need, so that a busy machine is not taken for it.
  const lines = await linesOf((output) => crawler(output, "8", "5000"));
  expect(lines.slice(0, 4)).toEqual(["fetched: 59", "missing: 1", "too slow: 1", "links: 119"]);
  const mostAtOnce = Number(lines[4]?.replace("most requests at once: ", ""));
  expect(mostAtOnce).toBeGreaterThan(1);
  expect(mostAtOnce).toBeLessThanOrEqual(8);
});

test("telemetry: every reading is accounted for, and the same seed loses the same ones", async () => {
  const lines = await linesOf(telemetry);
  expect(lines).toEqual(await linesOf(telemetry));
  expect(lines.slice(-4)).toEqual([
    "at the end: 3 datagrams were no readings, 0 came too fast",
    "  attic: 466 received, 34 lost (6.8 %), 18 doubled, 22 late, up to 13.0 °C",
    "  cellar: 478 received, 22 lost (4.4 %), 12 doubled, 16 late, up to 17.0 °C",
    "  garden: 476 received, 24 lost (4.8 %), 8 doubled, 26 late, up to 21.0 °C",
  ]);
});

test.for([
  { name: "all in order", numbers: [0, 1, 2], counts: [3, 0, 0, 0, 0] },
  { name: "a gap", numbers: [0, 3], counts: [2, 2, 0, 0, 0] },
  { name: "a gap that fills later", numbers: [0, 2, 1], counts: [3, 0, 0, 1, 0] },
  { name: "doubles, early and late", numbers: [0, 0, 2, 1, 1, 2], counts: [3, 0, 3, 1, 0] },
  { name: "the first ones missing", numbers: [5], counts: [1, 5, 0, 0, 0] },
  { name: "one that is too old to tell", numbers: [0, 5_000, 0], counts: [2, 4_999, 0, 0, 1] },
])("telemetry counts $name", ({ numbers, counts }) => {
  const tally = new Tally();
  for (const number of numbers) tally.take(number);
  const { receivedCount, lostCount, doubledCount, lateCount, tooOldCount } = tally;
  expect([receivedCount, lostCount, doubledCount, lateCount, tooOldCount]).toEqual(counts);
});

test("telemetry counts a long run, and remembers what it needs alone", () => {
  const tally = new Tally();
  for (let number = 0; number < 100_000; number++) {
    if (number % 10 !== 0) tally.take(number);
    if (number > 0 && number % 100 === 0) tally.take(number - 50);
  }
  expect(tally.lostCount).toBe(9_001);
  expect(tally.lateCount).toBe(999);
});
