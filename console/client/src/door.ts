/** Where the API is and who asks; what every request carries; lists to their end. */
import { client } from "./generated/client.gen.js";
import type { Client } from "./generated/client/index.js";
import { problemOf } from "./problem.js";

export interface Place {
  /** `http://127.0.0.1:8420`; empty in a page that the API itself serves. */
  url?: string;
  /** A token of `chimera people token issue`. A page has its session instead. */
  token?: string;
  /** The word that proves that a page is ours: `csrf` of `sessionShow`. */
  csrf?: () => string;
  /** Told of an answer 401, unless the request's `meta` says that it is `quiet`. */
  onLoggedOut?: () => void;
}

/** The version that a change is made from; the API refuses it when there is a newer one. */
export const from = (version: number): { "If-Match": string } => ({ "If-Match": `"${String(version)}"` });

/** The same key for the same intention: a repetition gets the first answer. Without one, every write gets its own. */
export const once = (key: string): { "Idempotency-Key": string } => ({ "Idempotency-Key": key });

/** Connects every function to one API. */
export function connect(place: Place = {}): Client {
  client.setConfig({ baseUrl: place.url ?? "", credentials: place.token ? "omit" : "same-origin", querySerializer: asked });
  client.interceptors.request.clear();
  client.interceptors.error.clear();
  client.interceptors.request.use((request) => signed(request, place));
  client.interceptors.error.use((thrown, response, _request, options) => {
    const { meta } = options as { meta?: Record<string, unknown> };
    if (response?.status === 401 && meta?.["quiet"] !== true) place.onLoggedOut?.();
    return problemOf(thrown, response);
  });
  return client;
}

function signed(request: Request, place: Place): Request {
  request.headers.set("accept", "application/json");
  if (place.token) request.headers.set("authorization", `Bearer ${place.token}`);
  if (request.method === "GET") return request;
  const csrf = place.csrf?.();
  if (csrf) request.headers.set("x-csrf-token", csrf);
  if (!request.headers.has("idempotency-key")) request.headers.set("idempotency-key", crypto.randomUUID());
  return request;
}

/** What is empty is not asked for. */
function asked(query: Record<string, unknown>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

export interface PageOf<T> {
  items: T[];
  next: string;
}

/** Every item of a list, page after page: `for await (const review of every((cursor) => reviewsList({ query: { cursor } })))`. */
export async function* every<T>(read: (cursor: string) => Promise<PageOf<T>>): AsyncGenerator<T, void, undefined> {
  let cursor = "";
  do {
    const page = await read(cursor);
    yield* page.items;
    cursor = page.next;
  } while (cursor);
}
