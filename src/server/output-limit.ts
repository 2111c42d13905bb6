import type { ServerConfig } from "./config.ts";

/** `client-output-buffer-limit normal`: what a client may leave untaken before it is disconnected. */
export class OutputLimit {
  #hardBytes = Number.POSITIVE_INFINITY;
  #softBytes = Number.POSITIVE_INFINITY;
  #softMs = 0;

  constructor(config: ServerConfig) {
    config.onValue("client-output-buffer-limit", (value) => {
      const [, hard = "0", soft = "0", seconds = "0"] = value.split(" ");
      this.#hardBytes = hard === "0" ? Number.POSITIVE_INFINITY : Number(hard);
      this.#softBytes = soft === "0" ? Number.POSITIVE_INFINITY : Number(soft);
      this.#softMs = Number(seconds) * 1_000;
    });
  }

  /** False if no client is ever to be disconnected for what it leaves. */
  get isSet(): boolean {
    return this.#hardBytes !== Number.POSITIVE_INFINITY || this.#softBytes !== Number.POSITIVE_INFINITY;
  }

  /** True above the soft limit: since when has to be remembered, and the connection ended once it is too long. */
  isAboveSoft(bytes: number): boolean {
    return bytes > this.#softBytes;
  }

  isExceeded(bytes: number, softForMs: number): boolean {
    return bytes > this.#hardBytes || (bytes > this.#softBytes && softForMs > this.#softMs);
  }
}
