import { expect, test } from "vitest";
import { NodeNameTakenError } from "../directory/index.ts";
import { silentLogger } from "../platform/index.ts";
import { ErrorReply, type Reply } from "../resp/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { openSecret } from "./membership/identity.ts";
import { JoinAsking } from "./membership/join-asking.ts";
import { JoinVisit, type JoinVisitOptions } from "./membership/join-visit.ts";
import type { JoinGrant, JoinRequest } from "./membership/join-wire.ts";
import { firstMembers } from "./membership/member.ts";

const names = ["n1", "n2", "ñ3"];
const secret = "the cluster's secret";
const { random } = new SimulatedWorld({ seed: 1 }).machine("n1").start();
const request: JoinRequest = {
  directoryId: "4".repeat(32),
  name: "n4",
  peerAddress: { host: "127.0.0.1", port: 17_004 },
  zone: "east",
  weight: 100,
  clusterId: undefined,
};

function grantFor({ directoryId, name, peerAddress }: JoinRequest): JoinGrant {
  const joined = { id: 4, name, state: "joining", directoryId, peerAddress } as const;
  const members = [...firstMembers(names), joined];
  return { clusterId: "c".repeat(32), nodeId: 4, names, shardCount: 4, replicaCount: 3, members };
}

/** A visit at a cluster that takes all in, and who was. */
function visitWith(changes: Partial<JoinVisitOptions> = {}): {
  readonly visit: JoinVisit;
  readonly taken: JoinRequest[];
} {
  const taken: JoinRequest[] = [];
  const visit = new JoinVisit({
    secret,
    openNames: undefined,
    remoteHost: "10.0.0.4",
    random,
    logger: silentLogger,
    onStranger: () => {},
    admit: async (asked) => {
      taken.push(asked);
      return grantFor(asked);
    },
    ...changes,
  });
  return { visit, taken };
}

const open: Partial<JoinVisitOptions> = { secret: openSecret(names), openNames: names, remoteHost: "127.0.0.1" };

function askingWith(given: string | undefined): JoinAsking {
  return new JoinAsking({ secret: given, random, where: "127.0.0.1:7001" });
}

type Line = (words: readonly string[]) => readonly string[];
const asIs: Line = (words) => words;

/** The whole exchange, over lines that may change what they carry. */
async function exchange(
  visit: JoinVisit,
  asking: JoinAsking,
  { toCluster = asIs, toJoiner = asIs }: { readonly toCluster?: Line; readonly toJoiner?: Line } = {},
): Promise<JoinGrant> {
  const [, , , version = "", nonce = ""] = toCluster(asking.hello());
  const greeting = carried(visit.hello(version, nonce), toJoiner);
  const [, , , text = "", proof = ""] = toCluster(asking.request(greeting, request));
  return asking.grant(carried(await visit.request(text, proof), toJoiner));
}

function carried(reply: ErrorReply | string | readonly string[], line: Line): Reply {
  if (reply instanceof ErrorReply) return reply;
  return typeof reply === "string" ? (line([reply])[0] ?? "") : line(reply);
}

test("who knows the secret is let in, and both sides have proven it", async () => {
  const { visit, taken } = visitWith();
  const heard: string[] = [];
  const line: Line = (words) => {
    heard.push(...words);
    return words;
  };
  expect(await exchange(visit, askingWith(secret), { toCluster: line, toJoiner: line })).toEqual(grantFor(request));
  expect(taken).toEqual([request]);
  // ASCII alone, whatever the names are, and the secret is not among it.
  expect(heard.join("\n")).toMatch(/^[\n -~]*$/);
  expect(heard.join("\n")).not.toContain(secret);
});

test("a cluster without a secret lets in who comes from its own machine, and nobody else", async () => {
  expect(await exchange(visitWith(open).visit, askingWith(undefined))).toEqual(grantFor(request));
  const far = visitWith({ ...open, remoteHost: "10.0.0.4" });
  await expect(exchange(far.visit, askingWith(undefined))).rejects.toThrow(
    expect.objectContaining({ code: "JOIN_REFUSED", reason: "SECRET_REQUIRED" }),
  );
  const { visit, taken } = visitWith(open);
  const asking = askingWith(undefined);
  const peerAddress = { host: "10.0.0.4", port: 17_004 };
  const [, , , text = "", proof = ""] = asking.request(greeted(visit, asking), { ...request, peerAddress });
  expect(await visit.request(text, proof)).toMatchObject({ text: expect.stringMatching(/^SECRET_REQUIRED /) });
  expect([...far.taken, ...taken]).toEqual([]);
});

function greeted(visit: JoinVisit, asking: JoinAsking): Reply {
  const [, , , version = "", nonce = ""] = asking.hello();
  return visit.hello(version, nonce);
}

interface Refused {
  readonly what: string;
  readonly at?: Partial<JoinVisitOptions>;
  readonly given: string | undefined;
  readonly reason: string;
  readonly text: RegExp;
}

const taken = new NodeNameTakenError("A node called n4 is in the cluster already.");

test.for<Refused>([
  {
    what: "another secret",
    given: "another secret, long enough",
    reason: "WRONG_SECRET",
    text: /^127.0.0.1:7001 answers: The secret is not this cluster's/,
  },
  { what: "no secret", given: undefined, reason: "SECRET_REQUIRED", text: /has a secret. Give it with --secret-file/ },
  {
    what: "a secret for a cluster without one",
    at: open,
    given: secret,
    reason: "NO_SECRET",
    text: /Leave --secret-file .* out/,
  },
  {
    what: "a name that is taken",
    at: { admit: () => Promise.reject(taken) },
    given: secret,
    reason: "NODE_NAME_TAKEN",
    text: /answers: A node called n4 is in the cluster already/,
  },
])("refused for good with $what", async ({ at, given, reason, text }) => {
  const refusal = { code: "JOIN_REFUSED", reason, message: expect.stringMatching(text) };
  await expect(exchange(visitWith(at).visit, askingWith(given))).rejects.toThrow(expect.objectContaining(refusal));
});

test("what may pass is no refusal: the joiner is to ask again", async () => {
  const { visit } = visitWith({ admit: () => Promise.reject(new Error("nobody leads")) });
  const text = expect.stringMatching(/could not decide now that n4 joins/);
  await expect(exchange(visit, askingWith(secret))).rejects.toThrow(
    expect.objectContaining({ code: "JOIN_UNDECIDED", message: text }),
  );
});

test.for(["ERR unknown command 'COTERIE'", "ERR unknown subcommand 'JOIN'. Try COTERIE HELP."])(
  "another program, or an older version, is told apart: %s",
  (text) => {
    expect(() => askingWith(secret).request(new ErrorReply(text), request)).toThrow(
      "127.0.0.1:7001 is no node that others can join: another program, or an older version of Coterie.",
    );
  },
);

test("another version of the words is refused before anything is shown", () => {
  const refusal = visitWith().visit.hello("2", "0".repeat(64));
  expect(() => askingWith(secret).request(refusal, request)).toThrow(
    expect.objectContaining({ reason: "WRONG_VERSION", message: expect.stringMatching(/version 1 of the words/) }),
  );
});

test.for([
  { word: "the joiner's nonce", direction: "toCluster", changed: 4, isTaken: false },
  { word: "the request", direction: "toCluster", changed: 8, isTaken: false },
  { word: "the request's proof", direction: "toCluster", changed: 9, isTaken: false },
  { word: "the cluster's nonce", direction: "toJoiner", changed: 0, isTaken: false },
  { word: "the grant", direction: "toJoiner", changed: 1, isTaken: true },
  { word: "the grant's proof", direction: "toJoiner", changed: 2, isTaken: true },
])("when $word is changed on the way, nobody believes it", async ({ direction, changed, isTaken }) => {
  let at = 0;
  const line: Line = (words) => words.map((word) => (at++ === changed ? withOtherMiddle(word) : word));
  const { visit, taken } = visitWith();
  await expect(exchange(visit, askingWith(secret), { [direction]: line })).rejects.toThrow(
    expect.objectContaining({ code: "JOIN_REFUSED", reason: "WRONG_SECRET" }),
  );
  expect(taken).toHaveLength(isTaken ? 1 : 0);
});

/** One character in the middle is another one, of the same kind. */
function withOtherMiddle(word: string): string {
  const at = word.length >> 1;
  return `${word.slice(0, at)}${word[at] === "0" ? "1" : "0"}${word.slice(at + 1)}`;
}

test("a proof is good for one request", async () => {
  const { visit, taken } = visitWith();
  const asking = askingWith(secret);
  const [, , , version = "", nonce = ""] = asking.hello();
  const [, , , text = "", proof = ""] = asking.request(greeted(visit, asking), request);
  expect(await visit.request(text, proof)).toHaveLength(2);
  for (const again of [visit, visitWith().visit]) {
    expect(await again.request(text, proof)).toBeInstanceOf(ErrorReply);
    again.hello(version, nonce);
    expect(await again.request(text, proof)).toMatchObject({ text: expect.stringMatching(/^WRONG_SECRET/) });
  }
  expect(taken).toHaveLength(1);
});

test("who cannot prove that it knows the secret is not believed to be the cluster", () => {
  const impostor = visitWith({ secret: "something" }).visit;
  const asking = askingWith(secret);
  asking.request(greeted(impostor, asking), request);
  const grant = JSON.stringify(grantFor(request));
  expect(() => asking.grant([grant, "0".repeat(64)])).toThrow(/is not of the cluster whose secret this is/);
  expect(() => asking.grant("OK")).toThrow(/is no node that others can join/);
});
