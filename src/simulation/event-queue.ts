import type { Timer } from "../platform/index.ts";

/** Something that happens at a time. Of two at one time "arrivals" come before "turns", then the older one. */
export interface ScheduledEvent {
  readonly timeMs: number;
  readonly phase: EventPhase;
  readonly action: () => void;
}

/**
 * What reaches a process at one instant is all there before that process takes its turn, and what the test or the
 * schedule of faults does comes before both.
 */
export type EventPhase = 0 | 1 | 2;
export const schedulePhase: EventPhase = 0;
export const arrivalPhase: EventPhase = 1;
export const turnPhase: EventPhase = 2;

class QueuedEvent implements ScheduledEvent, Timer {
  readonly timeMs: number;
  readonly phase: EventPhase;
  readonly sequence: number;
  action: () => void;

  constructor(timeMs: number, phase: EventPhase, sequence: number, action: () => void) {
    this.timeMs = timeMs;
    this.phase = phase;
    this.sequence = sequence;
    this.action = action;
  }

  cancel(): void {
    // It stays in the heap until its time; what it would have touched need not.
    this.action = nothing;
  }

  get isCancelled(): boolean {
    return this.action === nothing;
  }

  isBefore(other: QueuedEvent): boolean {
    if (this.timeMs !== other.timeMs) return this.timeMs < other.timeMs;
    if (this.phase !== other.phase) return this.phase < other.phase;
    return this.sequence < other.sequence;
  }
}

function nothing(): void {}

/** A binary heap. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #sequence = 0;

  add(timeMs: number, phase: EventPhase, action: () => void): Timer {
    const event = new QueuedEvent(timeMs, phase, this.#sequence++, action);
    this.#heap.push(event);
    this.#rise(this.#heap.length - 1);
    return event;
  }

  /** The first event, left where it is; undefined if there is none. */
  peek(): ScheduledEvent | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || !first.isCancelled) return first;
      this.#removeFirst();
    }
  }

  /** Takes what {@link peek} showed. */
  pop(): ScheduledEvent | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as QueuedEvent;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(index: number): void {
    const heap = this.#heap;
    const event = heap[index] as QueuedEvent;
    let at = index;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as QueuedEvent;
      if (!event.isBefore(parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #sink(): void {
    const heap = this.#heap;
    const event = heap[0] as QueuedEvent;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= heap.length) break;
      const right = childAt + 1;
      if (right < heap.length && (heap[right] as QueuedEvent).isBefore(heap[childAt] as QueuedEvent)) childAt = right;
      const child = heap[childAt] as QueuedEvent;
      if (!child.isBefore(event)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = event;
  }
}
