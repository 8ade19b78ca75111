/** Follows /v1/stream and says which of what is on screen has to be read again. Holds no data of its own. */
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

export type Liveness = "live" | "stale" | "lost";
export interface Pulse {
  state: Liveness;
  heardAtMs: number;
}
interface Topic {
  count: number;
  ids: string[];
  more: boolean;
}

const STALE_MS = 8_000;
const LOST_MS = 20_000;
const SETTLE_MS = 120;
// A busy fleet changes something all the time; more often than this nobody reads, and each reading costs the API.
const PACE_MS = 600;
const RESTART_MS = 4_000;

// What each topic of the stream makes old. A query's key begins with the word.
const TOUCHES: Record<string, readonly string[]> = {
  task: ["campaigns", "tasks", "fleet", "events"],
  review: ["reviews", "fleet"],
  effect: ["campaigns", "tasks", "fleet", "money", "events", "kpis", "connections"],
  halt: ["halts", "fleet", "agents", "campaigns", "reviews"],
  campaign: ["campaigns", "fleet"],
  conversation: ["conversations", "trends", "events"],
  agent: ["agents", "fleet"],
  money: ["money", "fleet"],
  policy: ["policy"],
  tool: ["tools"],
  person: ["people", "tokens"],
};

let pulse: Pulse = { state: "stale", heardAtMs: 0 };
const listeners = new Set<() => void>();

function tell(state: Liveness, heardAtMs: number = pulse.heardAtMs): void {
  if (pulse.state === state && heardAtMs - pulse.heardAtMs < 1_000) return;
  pulse = { state, heardAtMs };
  listeners.forEach((listener) => { listener(); });
}

export function usePulse(): Pulse {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
    () => pulse,
  );
}

/** Starts following; what is returned stops it. Everything that changed is marked old at once, on screen it is re-read. */
export function follow(client: QueryClient): () => void {
  let source: EventSource | null = null;
  let openedAtMs = Date.now();
  let settling: ReturnType<typeof setTimeout> | undefined;
  const old = new Set<string>();

  let flushedAtMs = 0;
  const flush = (): void => {
    settling = undefined;
    flushedAtMs = Date.now();
    const words = [...old];
    old.clear();
    words.forEach((word) => void client.invalidateQueries({ queryKey: [word] }, { cancelRefetch: false }));
  };
  const note = (words: readonly string[]): void => {
    words.forEach((word) => old.add(word));
    settling ??= setTimeout(flush, Math.max(SETTLE_MS, flushedAtMs + PACE_MS - Date.now()));
  };
  const heard = (event: MessageEvent<string>): void => {
    tell("live", Date.now());
    if (event.type !== "change") return;
    const frame = JSON.parse(event.data) as { topics: Record<string, Topic> };
    Object.keys(frame.topics).forEach((topic) => { note(TOUCHES[topic] ?? [topic]); });
  };
  const open = (): void => {
    source?.close();
    openedAtMs = Date.now();
    source = new EventSource("/v1/stream");
    source.addEventListener("change", heard);
    source.addEventListener("beat", heard);
    source.addEventListener("resync", () => {
      tell("live", Date.now());
      void client.invalidateQueries();
    });
  };
  const watch = setInterval(() => {
    const silentMs = Date.now() - Math.max(pulse.heardAtMs, openedAtMs);
    if (silentMs > LOST_MS) tell("lost");
    else if (silentMs > STALE_MS) tell("stale");
    if (source?.readyState === EventSource.CLOSED && Date.now() - openedAtMs > RESTART_MS) {
      tell("lost");
      open();
      void client.invalidateQueries();
    }
  }, 1_000);
  open();
  return () => {
    clearInterval(watch);
    clearTimeout(settling);
    source?.close();
  };
}
