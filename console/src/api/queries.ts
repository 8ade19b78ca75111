/** What the screens read, each under a key whose first word is what the stream calls it. */
import { useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { call, type Sent } from "@/api/client";
import type { Schemas } from "@/api/types";

export interface PageOf<T> {
  items: T[];
  next: string;
}

type Query = Sent["query"];

/** One answer of the API, read again when the stream says that it is old. */
export function useRead<T>(key: readonly unknown[], path: string, options: { query?: Query; when?: boolean; everyMs?: number } = {}): UseQueryResult<T> {
  return useQuery<T>({
    queryKey: [...key, options.query ?? null],
    queryFn: ({ signal }) => call<T>(path, { query: options.query, signal }),
    enabled: options.when ?? true,
    placeholderData: (before) => (options.query ? before : undefined),
    ...(options.everyMs ? { refetchInterval: options.everyMs } : {}),
  });
}

/** A list, page by page. */
export function usePages<T>(key: readonly unknown[], path: string, query: Query = {}, when = true) {
  return useInfiniteQuery({
    queryKey: [...key, "pages", query],
    queryFn: ({ pageParam, signal }) => call<PageOf<T>>(path, { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    enabled: when,
  });
}

/** A whole list, however many pages: for what has to be searched and grouped on screen. */
export async function readAll<T>(path: string, query: Query, most: number, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor = "";
  do {
    const page = await call<PageOf<T>>(path, { query: { ...query, cursor }, signal });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items;
}

export const useFleet = (): UseQueryResult<Schemas["FleetSummary"]> => useRead(["fleet"], "fleet", { everyMs: 5_000 });
export const useHalts = (): UseQueryResult<PageOf<Schemas["Halt"]>> => useRead(["halts"], "halts");
