import { type Closed, closed } from "../channels/index.ts";

/**
 * What `for await` needs, of a function that gives the next value or {@link closed}: as an async generator over it, at half
 * the cost. Leaving the loop does nothing.
 */
export function iterate<T>(receive: () => T | Closed | Promise<T | Closed>): AsyncIterator<T, undefined> {
  return {
    next: () => {
      try {
        const value = receive();
        return value instanceof Promise ? value.then(resultOf) : Promise.resolve(resultOf(value));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
}

function resultOf<T>(value: T | Closed): IteratorResult<T, undefined> {
  return value === closed ? { done: true, value: undefined } : { done: false, value: value as T };
}
