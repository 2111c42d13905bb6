/** Each teaching program prints what its Go original prints; either order where two lines race there. */
import { Context } from "coterie/channels";
import { SimulatedWorld } from "coterie/simulation";
import { expect, test } from "vitest";
import { main as buffered } from "../../examples/buffered.ts";
import { main as channel } from "../../examples/channel.ts";
import { main as consistentHashing } from "../../examples/consistent-hashing.ts";
import { main as dht } from "../../examples/dht.ts";
import { main as done } from "../../examples/done.ts";
import { main as goroutine } from "../../examples/goroutine.ts";
import { main as hello } from "../../examples/hello.ts";
import { main as json } from "../../examples/json.ts";
import { main as raftElection } from "../../examples/raft-election.ts";
import { main as tcpClient } from "../../examples/tcp-client.ts";
import { main as tcpServer } from "../../examples/tcp-server.ts";
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
