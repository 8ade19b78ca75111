/** One clock for the page: whoever shows an age or a countdown ticks with it. */
import { useSyncExternalStore } from "react";

let nowMs = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    nowMs = Date.now();
    listeners.forEach((one) => { one(); });
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Microseconds since 1970, once a second. */
export function useNowUs(): number {
  return useSyncExternalStore(subscribe, () => nowMs) * 1_000;
}
