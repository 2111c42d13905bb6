import { InvalidArgumentError } from "../channels/index.ts";

/** How a member behaves. All members of a cluster should have the same. */
export interface GossipSettings {
  /** A period: each member probes one other in it. Default 1,000. */
  readonly probeIntervalMs: number;
  /** How long a direct probe is waited for before others are asked to try. Default 300. */
  readonly probeTimeoutMs: number;
  /** How long their answers are waited for. It ends within the interval. Default 350. */
  readonly indirectTimeoutMs: number;
  /** So many others are asked to probe a member that does not answer. Default 3. */
  readonly indirectProbes: number;
  /** While there is news, so many random members are told of it in each {@link gossipIntervalMs}. Default 3. */
  readonly gossipFanout: number;
  /** Default 200. */
  readonly gossipIntervalMs: number;
  /**
   * A suspicion that enough others share ends after this many periods × max(1, log10 of the number of members). Default 5.
   */
  readonly suspicionFactor: number;
  /** A suspicion that nobody shares ends after so many times as long. Default 6. */
  readonly suspicionMaxFactor: number;
  /** Each piece of news is sent this many times × the natural logarithm of the number of members + 1. Default 3. */
  readonly retransmitFactor: number;
  /** Between two comparisons of the whole list with a random member, once it is settled. Default 30,000. */
  readonly syncIntervalMs: number;
  /** Each dead member is tried again by somebody about once in this time; so are seeds that no member lives at. Default 10,000. */
  readonly reconnectIntervalMs: number;
  /** How long the dead and those that left are remembered. Default 86,400,000: a day. */
  readonly deadKeptMs: number;
  /** Members, dead ones included; further ones are ignored and counted. At most 4,096. Default 512. */
  readonly membersMax: number;
  /** Shards whose leaders are remembered. Default 1,025. */
  readonly hintsMax: number;
  /** A member that finds itself slow makes its probes and their timeouts up to so many times as long. Default 8. */
  readonly slownessMax: number;
}

export const gossipDefaults: GossipSettings = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 300,
  indirectTimeoutMs: 350,
  indirectProbes: 3,
  gossipFanout: 3,
  gossipIntervalMs: 200,
  suspicionFactor: 5,
  suspicionMaxFactor: 6,
  retransmitFactor: 3,
  syncIntervalMs: 30_000,
  reconnectIntervalMs: 10_000,
  deadKeptMs: 86_400_000,
  membersMax: 512,
  hintsMax: 1_025,
  slownessMax: 8,
};

const membersLimit = 4_096;

/** @throws InvalidArgumentError (INVALID_ARGUMENT) */
export function checkedSettings(given: Partial<GossipSettings>): GossipSettings {
  const settings = { ...gossipDefaults, ...given };
  for (const [name, value] of Object.entries(settings)) {
    const isWhole = name.endsWith("Ms") || name.endsWith("Factor") || Number.isInteger(value);
    const least = name === "indirectProbes" || name === "gossipFanout" ? 0 : 1;
    if (!Number.isFinite(value) || !isWhole || value < least) {
      throw new InvalidArgumentError(`${name} is ${value}; it must be ${least} or more`);
    }
  }
  const { probeTimeoutMs, indirectTimeoutMs, probeIntervalMs } = settings;
  if (probeTimeoutMs + indirectTimeoutMs > probeIntervalMs) {
    throw new InvalidArgumentError(
      `probeTimeoutMs (${probeTimeoutMs}) and indirectTimeoutMs (${indirectTimeoutMs}) must end within probeIntervalMs (${probeIntervalMs})`,
    );
  }
  if (settings.membersMax > membersLimit) {
    throw new InvalidArgumentError(`membersMax is ${settings.membersMax}; it must be at most ${membersLimit}`);
  }
  return settings;
}
