import type { Refusal } from "../net/index.ts";
import type { Logger, Platform } from "../platform/index.ts";
import { nodeExitCode } from "./errors.ts";
import type { NodeDirectory } from "./membership/node-directory.ts";

export interface RefusedNodeOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  readonly directory: NodeDirectory;
}

/**
 * Ends the process of a node whose peers do not take it as who it says it is. Of a directory that has forgotten something,
 * or was removed, that is written down before, while its replicas stand still (`stopReplicas`): each further start counts
 * as a later one, and the peers could not tell again.
 */
export function endRefused(
  options: RefusedNodeOptions,
  refusal: Refusal,
  stopReplicas: (reason: string) => void,
): void {
  const { platform, logger, directory } = options;
  const { code, text } = refusal;
  logger.log("error", "the peers refuse this node, which stops", { code, text });
  const reason = `${code}: ${text}`;
  if (code !== "FORGOTTEN" && code !== "REMOVED") platform.process.exit(nodeExitCode.refused, reason);
  stopReplicas(reason);
  const exit = (): void => void platform.clock.setTimer(0, () => platform.process.exit(nodeExitCode.refused, reason));
  void directory.rememberRefusal(reason).then(exit, exit);
}
