/** Keys: each screen says which it listens to; `?` shows them all. None is heard while somebody writes. */
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactElement, type ReactNode } from "react";

export interface Key {
  /** One key (`j`), or two after one another (`g r`). */
  keys: string;
  says: string;
  act: () => void;
  group?: string;
}

class Keyboard {
  readonly sets = new Set<{ current: readonly Key[] }>();
  before = "";
  all(): Key[] {
    return [...this.sets].flatMap((set) => set.current);
  }
}

const Keys = createContext<Keyboard | null>(null);
const SECOND_KEY_MS = 900;

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.getAttribute("role") === "option");
}

export function KeysProvider({ children }: { children: ReactNode }): ReactElement {
  const [keyboard] = useState(() => new Keyboard());
  useEffect(() => {
    let forget: ReturnType<typeof setTimeout> | undefined;
    const hear = (event: KeyboardEvent): void => {
      const isChord = event.metaKey || event.ctrlKey || event.altKey;
      if (isChord || event.defaultPrevented || isWriting(event.target) || document.querySelector("[role=dialog][aria-modal=true]")) return;
      // The newest set comes first: a screen may take a key from the shell.
      const known = keyboard.all().reverse();
      const found = known.find((one) => one.keys === `${keyboard.before} ${event.key}`) ?? known.find((one) => one.keys === event.key);
      keyboard.before = "";
      clearTimeout(forget);
      if (found) {
        event.preventDefault();
        found.act();
      } else if (known.some((one) => one.keys.startsWith(`${event.key} `))) {
        keyboard.before = event.key;
        forget = setTimeout(() => { keyboard.before = ""; }, SECOND_KEY_MS);
      }
    };
    window.addEventListener("keydown", hear);
    return () => { window.removeEventListener("keydown", hear); };
  }, [keyboard]);
  return <Keys.Provider value={keyboard}>{children}</Keys.Provider>;
}

export function useKeys(keys: readonly Key[]): void {
  const keyboard = useContext(Keys);
  const current = useRef(keys);
  useEffect(() => { current.current = keys; });
  useEffect(() => {
    keyboard?.sets.add(current);
    return () => { keyboard?.sets.delete(current); };
  }, [keyboard]);
}

export function useAllKeys(): () => Key[] {
  const keyboard = useContext(Keys);
  return useMemo(() => () => keyboard?.all() ?? [], [keyboard]);
}
