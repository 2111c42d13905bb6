import type { NodeSettings } from "../cluster/index.ts";
import { peerLinksDefaults } from "../net/index.ts";

/**
 * What a node runs where there are two versions: the same code, of which the older one speaks nothing but the oldest peer protocol
 * and knows the first semantics level alone.
 */
export type SimulatedVersion = "older" | "newer";

export const newerLevel = 2;

/** The settings of a node of that version. */
export function settingsAs(version: SimulatedVersion, settings: Partial<NodeSettings>): Partial<NodeSettings> {
  if (version === "newer") return { ...settings, semanticsLevelMax: newerLevel };
  const { min } = peerLinksDefaults.versions;
  const links = { ...peerLinksDefaults, ...settings.links, versions: { min, max: min } };
  return { ...settings, semanticsLevelMax: 1, links };
}
