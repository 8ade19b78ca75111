/** Lets a person in: by the one-time code in the address, by the session that is there already, or by name. */
import { Button, Loader, PasswordInput, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState, type FormEvent, type ReactElement } from "react";
import * as api from "chimera-client";
import { App } from "@/App";
import { rememberCsrf, whenLoggedOut } from "@/api/client";
import { ProblemNote } from "@/parts/parts";
import { SessionProvider, type Session } from "@/session";

/** The code leaves the address at once, so that it stays in no history. */
function takeCode(): string {
  const match = /(?:^#|[&?#])(?:once|code|login)=([^&]+)/.exec(location.hash);
  if (!match) return "";
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(match[1] ?? "");
}

/** What a provider sent the browser back with. It leaves the address as well. */
function takeVouched(): api.Back | null {
  const given = new URLSearchParams(location.search);
  const state = given.get("state");
  if (location.pathname !== "/login" || state === null) return null;
  history.replaceState(null, "", "/");
  return { state, code: given.get("code") ?? "", error: given.get("error") ?? "" };
}

async function enter(code: string): Promise<Session> {
  const vouched = takeVouched();
  if (vouched) return api.sessionComeBack({ body: vouched, meta: { quiet: true } });
  if (code) return api.sessionLogIn({ body: { once: code }, meta: { quiet: true } });
  return api.sessionShow({ meta: { quiet: true } });
}

/** The way in by a provider that people have already, if there is one. */
function ByProvider({ onError }: { onError: (error: unknown) => void }): ReactElement | null {
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => { api.sessionProvider({ meta: { quiet: true } }).then((found) => { setName(found.name); }, () => undefined); }, []);
  if (!name) return null;
  const leave = (): void => {
    setBusy(true);
    api.sessionLeave({ meta: { quiet: true } }).then(({ address }) => { location.assign(address); }, (error: unknown) => { setBusy(false); onError(error); });
  };
  return <Button variant="default" size="sm" fullWidth loading={busy} onClick={leave}>Log in by {name}</Button>;
}

/** Asks who it is. `again`: the page behind it stays as it was, with everything that is being written. */
function LogIn({ onIn, why, again = false }: { onIn: (session: Session) => void; why: unknown; again?: boolean }): ReactElement {
  const [error, setError] = useState<unknown>(why);
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const given = (name: string): string => String(form.get(name) ?? "");
    setBusy(true);
    api.sessionLogIn({ body: { name: given("name"), password: given("password"), code: given("code") }, meta: { quiet: true } })
      .then(onIn, setError)
      .finally(() => { setBusy(false); });
  };
  const Tag = again ? "div" : "main";
  return (
    <Tag className={again ? "door again" : "door"}>
      <form onSubmit={submit} aria-label="Log in">
        <img src="/mark.svg" alt="" width={40} height={40} />
        <h1>Chimera</h1>
        <p className="soft">{again && "This page stays as you left it. "}Open the address that <code>chimera up</code> printed: it lets you in by itself. Or log in by name.</p>
        {error !== null && <ProblemNote error={error} />}
        <TextInput label="Name" name="name" autoComplete="username" required data-autofocus autoFocus={again} />
        <PasswordInput label="Password" name="password" autoComplete="current-password" required />
        <TextInput label="Code" name="code" description="From your authenticator, if you have one" autoComplete="one-time-code" inputMode="numeric" />
        <Button type="submit" size="sm" fullWidth loading={busy}>Log in</Button>
        {!again && <ByProvider onError={setError} />}
        {again && <Button variant="subtle" size="sm" fullWidth onClick={() => { location.assign("/"); }}>Start afresh</Button>}
      </form>
    </Tag>
  );
}

export function Door(): ReactElement {
  const client = useQueryClient();
  const [session, setSession] = useState<Session | null>(null);
  const [why, setWhy] = useState<unknown>(null);
  const [isKnown, setKnown] = useState(false);
  const begun = useRef(false);
  const [isOver, setOver] = useState(false);
  const letIn = useCallback((found: Session) => {
    rememberCsrf(found.csrf);
    setSession(found);
    setKnown(true);
    setOver(false);
    void client.invalidateQueries();
  }, [client]);
  useEffect(() => {
    whenLoggedOut(() => {
      setOver(true);
      setWhy(new api.Problem(401, "session_over", "Your session has ended", "Nothing that you did before is lost; what was not sent yet waits here.", "Log in again."));
    });
    if (begun.current) return;
    begun.current = true;
    enter(takeCode()).then(letIn, async (error: unknown) => {
      // A code that was used already may belong to this very browser.
      const known = await enter("").catch(() => null);
      if (known) letIn(known);
      else {
        setWhy(error instanceof api.Problem && ["session_missing", "session_over", "not_recognised"].includes(error.code) ? null : error);
        setKnown(true);
      }
    });
  }, [client, letIn]);
  if (!isKnown) return <main className="door" aria-label="Loading"><Loader /></main>;
  if (!session) return <LogIn onIn={letIn} why={why} key={String(why)} />;
  // Somebody else at the same browser starts with a page of their own.
  return (
    <SessionProvider value={session} key={session.person}>
      <div className="inside" inert={isOver} data-over={isOver || undefined}><App /></div>
      {isOver && <LogIn onIn={letIn} why={why} key={String(why)} again />}
    </SessionProvider>
  );
}
