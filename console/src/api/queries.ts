/** What the screens read, each under a key whose first word is what the stream calls it. */
import { useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import * as api from "chimera-client";

/** The words by which a list can be narrowed to a state. */
export type StateOf<D extends { query?: { state?: unknown } }> = NonNullable<NonNullable<D["query"]>["state"]>;

/** What every read is given: what was asked for, and the means to break it off. */
interface Asked<Q> {
  query: Q;
  signal: AbortSignal;
}

type Key = readonly unknown[];

interface Reading<Q> {
  query?: Q;
  when?: boolean;
  everyMs?: number;
}

/** One answer of the API, read again when the stream says that it is old. */
export function useRead<T, const Q extends object | undefined = undefined>(key: Key, read: (asked: Asked<Q>) => Promise<T>, options: Reading<Q> = {}): UseQueryResult<T> {
  return useQuery<T>({
    queryKey: [...key, options.query ?? null],
    queryFn: ({ signal }) => read({ query: options.query as Q, signal }),
    enabled: options.when ?? true,
    placeholderData: (before) => (options.query ? before : undefined),
    ...(options.everyMs ? { refetchInterval: options.everyMs } : {}),
  });
}

type ReadsPage<T, Q> = (asked: Asked<Q & { cursor: string }>) => Promise<api.PageOf<T>>;

/** A list, page by page. */
export function usePages<T, const Q extends object>(key: Key, read: ReadsPage<T, Q>, query: Q, when = true) {
  return useInfiniteQuery({
    queryKey: [...key, "pages", query],
    queryFn: ({ pageParam, signal }) => read({ query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    enabled: when,
  });
}

/** A whole list, however many pages: for what has to be searched and grouped on screen. */
export async function readAll<T, const Q extends object>(read: ReadsPage<T, Q>, query: Q, most: number, signal: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  for await (const item of api.every((cursor) => read({ query: { ...query, cursor }, signal }))) {
    items.push(item);
    if (items.length >= most) break;
  }
  return items;
}

export const useFleet = () => useRead(["fleet"], (asked) => api.fleetShow(asked), { everyMs: 5_000 });
export const useHalts = () => useRead(["halts"], (asked) => api.haltsList(asked));
