/** Rulings on their way: held for a few seconds in which they can be taken back, then sent. What fails comes back. */
import { notifications } from "@mantine/notifications";
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import * as api from "chimera-client";
import { dropAll, isAnythingWritten } from "@/screens/reviews/drafts";

const UNDO_KEY = "chimera:undo_seconds";
const UNDO_SECONDS = 5;
export const UNDO_CHOICES = ["5", "10", "20", "60"] as const;

/** How long a ruling can be taken back: as each person needs it, kept in this browser. */
export function undoSeconds(): number {
  const chosen = Number(localStorage.getItem(UNDO_KEY));
  return chosen > 0 ? Math.min(chosen, 60) : UNDO_SECONDS;
}

export function chooseUndoSeconds(seconds: string): void {
  localStorage.setItem(UNDO_KEY, seconds);
}

export type Ruling =
  | { command: "approve"; digest: string }
  | { command: "edit"; digest: string; arguments: Record<string, unknown> }
  | { command: "reject"; reason: string }
  | { command: "ask"; text: string };

export interface Pending {
  id: string;
  label: string;
  version: number;
  ruling: Ruling;
  dueAtMs: number;
}
export interface Failure {
  id: string;
  label: string;
  error: api.Problem;
  /** What was tried: what was written for it is still there. */
  command: Ruling["command"];
}

interface Desk {
  pending: readonly Pending[];
  sent: ReadonlySet<string>;
  failures: readonly Failure[];
}

let desk: Desk = { pending: [], sent: new Set(), failures: [] };
const listeners = new Set<() => void>();
const timers = new Map<string, ReturnType<typeof setTimeout>>();

function change(next: Partial<Desk>): void {
  desk = { ...desk, ...next };
  listeners.forEach((listener) => { listener(); });
}

export function useDesk(): Desk {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
    () => desk,
  );
}

function without<T extends { id: string }>(list: readonly T[], id: string): T[] {
  return list.filter((one) => one.id !== id);
}

const SAID: Record<Ruling["command"], string> = { approve: "Approved", edit: "Edited", reject: "Rejected", ask: "Asked back" };

/** Rule on one: it leaves the list at once, and the API a few seconds later. */
export function rule(client: QueryClient, given: Omit<Pending, "dueAtMs">): void {
  const undoMs = undoSeconds() * 1_000;
  const pending = { ...given, dueAtMs: Date.now() + undoMs };
  change({ pending: [...without(desk.pending, given.id), pending], failures: without(desk.failures, given.id) });
  timers.set(given.id, setTimeout(() => void send(client, pending), undoMs));
}

/** Take back the last ruling, or a named one. */
export function undo(id: string | undefined = desk.pending.at(-1)?.id): string | undefined {
  if (id === undefined) return undefined;
  clearTimeout(timers.get(id));
  timers.delete(id);
  change({ pending: without(desk.pending, id) });
  return id;
}

/** Send everything that waits, now. */
export function sendAll(client: QueryClient): void {
  desk.pending.forEach((pending) => {
    clearTimeout(timers.get(pending.id));
    void send(client, pending);
  });
}

export function dismiss(id: string): void {
  change({ failures: without(desk.failures, id) });
}

function sendRuling({ id, version, ruling }: Pending): Promise<api.Review> {
  const asked = { path: { review_id: id }, headers: api.from(version) };
  switch (ruling.command) {
    case "approve": return api.reviewsApprove({ ...asked, body: { digest: ruling.digest } });
    case "edit": return api.reviewsEdit({ ...asked, body: { digest: ruling.digest, arguments: ruling.arguments } });
    case "reject": return api.reviewsReject({ ...asked, body: { reason: ruling.reason } });
    case "ask": return api.reviewsAsk({ ...asked, body: { text: ruling.text } });
  }
}

async function send(client: QueryClient, pending: Pending): Promise<void> {
  timers.delete(pending.id);
  const { command } = pending.ruling;
  change({ pending: without(desk.pending, pending.id), sent: new Set([...desk.sent, pending.id]) });
  try {
    await sendRuling(pending);
    dropAll(pending.id);
    notifications.show({ id: `ruled-${pending.id}`, message: `${SAID[command]}: ${pending.label}`, color: "verdigris", autoClose: 2_500 });
  } catch (error) {
    const problem = error instanceof api.Problem ? error : new api.Problem(0, "console_fault", "The console stumbled", String(error));
    const sent = new Set(desk.sent);
    sent.delete(pending.id);
    change({ sent, failures: [...without(desk.failures, pending.id), { id: pending.id, label: pending.label, error: problem, command }] });
  } finally {
    void client.invalidateQueries({ queryKey: ["reviews"] });
  }
}

/** Many at once, of ordinary risk: the API rules on each alone, and says what came of each. */
export async function ruleMany(client: QueryClient, command: "approve" | "reject", rows: readonly api.ReviewRow[], reason: string): Promise<void> {
  change({ sent: new Set([...desk.sent, ...rows.map((row) => row.id)]) });
  const labels = new Map(rows.map((row) => [row.id, row.text.slice(0, 60) || row.kind]));
  const failed = (id: string, error: api.Problem): Failure => ({ id, label: labels.get(id) ?? id, error, command });
  let failures: Failure[];
  try {
    const items = rows.map(({ id, version, digest }) => ({ id, version, digest }));
    const answer = await api.reviewsBatch({ body: { command, items, reason } });
    failures = answer.outcomes.filter((one) => !one.ok).map((one) => failed(one.id, new api.Problem(409, one.code, "Not ruled on", one.detail)));
  } catch (error) {
    const problem = error instanceof api.Problem ? error : new api.Problem(0, "console_fault", "The console stumbled", String(error));
    failures = rows.map((row) => failed(row.id, problem));
  }
  const sent = new Set(desk.sent);
  failures.forEach((failure) => sent.delete(failure.id));
  change({ sent, failures: [...desk.failures, ...failures] });
  notifications.show({ message: `${SAID[command]}: ${String(rows.length - failures.length)} of ${String(rows.length)}`, color: failures.length ? "vermilion" : "verdigris" });
  void client.invalidateQueries({ queryKey: ["reviews"] });
}

window.addEventListener("beforeunload", (event) => {
  if (desk.pending.length || isAnythingWritten()) event.preventDefault();
});
