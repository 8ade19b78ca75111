/** Fetching that is neither too eager nor too late: the stream says when; this says how often at most. */
import { QueryClient } from "@tanstack/react-query";
import { LOST, Problem } from "chimera-client";

const TRIES_MAX = 3;

export function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => error instanceof Problem && (error.code === LOST || error.status >= 500) && failures < TRIES_MAX,
      },
    },
  });
}
