/** One door to the API: every request, its errors as problems, its version tags, its proof that the page is ours. */

export interface Fault {
  where: string;
  message: string;
  remedy?: string;
  line?: number;
}

/** Why a request was not done, as the API says it (problem+json), or as the network failed. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly remedy: string = "",
    readonly where: string = "",
    readonly faults: readonly Fault[] = [],
  ) {
    super(detail || title);
    this.name = "Problem";
  }

  /** Whether somebody else has changed it since it was looked at. */
  get isConflict(): boolean {
    return this.status === 409 || this.status === 412;
  }

  get isLoggedOut(): boolean {
    return this.status === 401;
  }
}

export const LOST = "network_lost";
let csrf = "";
let onLoggedOut: () => void = () => undefined;

export function rememberCsrf(word: string): void {
  csrf = word;
}

export function whenLoggedOut(act: () => void): void {
  onLoggedOut = act;
}

export interface Sent {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
  /** The version that the change was made from; the API refuses it when there is a newer one. */
  version?: number;
  query?: Record<string, string | number | boolean | undefined>;
  signal?: AbortSignal | undefined;
  /** The same key for the same intention: a repetition gets the first answer. */
  key?: string;
  /** Logging in is not refused for being logged out. */
  quiet?: boolean;
}

function addressOf(path: string, query: Sent["query"]): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return given.length ? `/v1/${path}?${words.toString()}` : `/v1/${path}`;
}

function headersOf(sent: Sent, method: string): Headers {
  const headers = new Headers({ accept: "application/json" });
  if (sent.body !== undefined) headers.set("content-type", "application/json");
  if (method !== "GET" && csrf) headers.set("x-csrf-token", csrf);
  if (method !== "GET") headers.set("idempotency-key", sent.key ?? crypto.randomUUID());
  if (sent.version !== undefined) headers.set("if-match", `"${String(sent.version)}"`);
  return headers;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const told = (await response.json()) as Partial<Record<string, unknown>>;
    const text = (name: string): string => (typeof told[name] === "string" ? told[name] : "");
    const faults = Array.isArray(told["faults"]) ? (told["faults"] as Fault[]) : [];
    return new Problem(response.status, text("code"), text("title"), text("detail"), text("remedy"), text("where"), faults);
  } catch {
    return new Problem(response.status, "answer_unreadable", `The API answered ${String(response.status)}`, "The answer cannot be read.");
  }
}

export async function call<T>(path: string, sent: Sent = {}): Promise<T> {
  const method = sent.method ?? "GET";
  let response: Response;
  try {
    response = await fetch(addressOf(path, sent.query), {
      method,
      headers: headersOf(sent, method),
      credentials: "same-origin",
      ...(sent.body === undefined ? {} : { body: JSON.stringify(sent.body) }),
      ...(sent.signal ? { signal: sent.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, LOST, "No answer", "The API cannot be reached from this browser.", "See whether chimera is still running; nothing was lost.");
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    if (problem.isLoggedOut && !sent.quiet) onLoggedOut();
    throw problem;
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}
