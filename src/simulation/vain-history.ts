import { HistoryRecorder } from "./history.ts";
import type { KeyValueInput, KeyValueOutput } from "./key-value-specification.ts";

/** For who asks nodes that were declared lost for good and run all the same: what they do for anybody is a mistake. */
export class VainHistory extends HistoryRecorder<KeyValueInput, KeyValueOutput> {
  constructor(onViolation: (text: string) => void) {
    super();
    this.#onViolation = onViolation;
  }

  override reply(operation: number, output: KeyValueOutput): void {
    super.reply(operation, output);
    this.#onViolation(`a node that was declared lost answers ${JSON.stringify(output)}`);
  }

  readonly #onViolation: (text: string) => void;
}
