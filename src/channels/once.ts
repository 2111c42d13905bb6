/** Runs a function once, whoever comes first; everybody gets what that run returned or threw. */
export class Once<T> {
  readonly #body: () => T;
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined = undefined;

  constructor(body: () => T) {
    this.#body = body;
  }

  do(): T {
    if (this.#outcome === undefined) {
      try {
        this.#outcome = { value: this.#body() };
      } catch (error) {
        this.#outcome = { error };
      }
    }
    if ("error" in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }
}
