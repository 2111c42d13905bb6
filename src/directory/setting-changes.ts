import { type Bounds, isWithin, movesPerNodeBounds, replaceAfterMsBounds, replicasBounds } from "./bounds.ts";
import type { DirectorySettings, DirectoryState } from "./directory-state.ts";
import { type DirectoryRefusal, DirectoryValueError } from "./errors.ts";

const boundsOf: Readonly<Record<keyof DirectorySettings, Bounds>> = {
  replicas: replicasBounds,
  replaceAfterMs: replaceAfterMsBounds,
  movesPerNodeMax: movesPerNodeBounds,
};

export function setSettings(
  state: DirectoryState,
  { replicas, replaceAfterMs, movesPerNodeMax }: Partial<DirectorySettings>,
): DirectoryState | DirectoryRefusal {
  const settings: DirectorySettings = {
    replicas: replicas ?? state.settings.replicas,
    replaceAfterMs: replaceAfterMs ?? state.settings.replaceAfterMs,
    movesPerNodeMax: movesPerNodeMax ?? state.settings.movesPerNodeMax,
  };
  for (const name of ["replicas", "replaceAfterMs", "movesPerNodeMax"] as const) {
    const { min, max } = boundsOf[name];
    if (isWithin(settings[name], boundsOf[name])) continue;
    return new DirectoryValueError(`${name} is ${settings[name]}; it must be a whole number from ${min} to ${max}.`);
  }
  return { ...state, settings };
}
