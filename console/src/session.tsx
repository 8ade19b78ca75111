/** Who is at the keyboard, and what they may do. */
import { createContext, useContext } from "react";
import * as api from "chimera-client";

export type Session = api.Session;

const Current = createContext<Session | null>(null);
export const SessionProvider = Current.Provider;

export function useSession(): Session {
  const session = useContext(Current);
  if (!session) throw new Error("nobody is logged in");
  return session;
}

export function useCurrency(): string {
  return useContext(Current)?.currency ?? "USD";
}

/** Whether the roles permit it. The API decides again; this only spares a button that would be refused. */
export function useMay(): (verb: string) => boolean {
  const session = useSession();
  return (verb) => session.permitted.includes(verb);
}
