/** Rail, bar and everything that is there on every page: search, the pulse, what is spent, and the halt. */
import { ActionIcon, Menu, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useEffect, useState, type ReactElement, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { useFleet, useHalts, useRead } from "@/api/queries";
import { usePulse } from "@/live/stream";
import { useNowUs } from "@/live/now";
import { Icon } from "@/parts/Icon";
import { When } from "@/parts/parts";
import { useMay, useSession } from "@/session";
import { HaltControl } from "@/shell/HaltControl";
import { KeyHelp } from "@/shell/KeyHelp";
import { useKeys } from "@/shell/keys";
import { openPalette, Palette } from "@/shell/Palette";
import { GROUPS, SCREENS } from "@/shell/screens";
import { moneyOf, plural } from "@/words/money";
import { spanOf } from "@/words/time";

function sumOf(counts: Record<string, number> | undefined): number {
  return Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
}

function Rail(): ReactElement {
  const [place] = useLocation();
  const may = useMay();
  const fleet = useFleet();
  const waiting = sumOf(fleet.data?.reviews);
  return (
    <aside className="rail">
      <Link href="/" className="brand"><img src="/mark.svg" alt="" width={24} height={24} />Chimera</Link>
      <nav aria-label="Screens">
        {GROUPS.map((group) => {
          const screens = SCREENS.filter((screen) => screen.group === group && may(screen.needs));
          if (!screens.length) return null;
          return (
            <div key={group}>
              <div className="rail-title">{group}</div>
              {screens.map((screen) => (
                <Link key={screen.path} href={screen.path} className="item" aria-current={place.startsWith(screen.path) ? "page" : undefined}>
                  <Icon name={screen.icon} />{screen.title}
                  {screen.path === "/reviews" && waiting > 0 && <span className="count" aria-label={`${plural(waiting, "review")} waiting`}>{waiting}</span>}
                </Link>
              ))}
            </div>
          );
        })}
      </nav>
      <div className="foot">Nothing leaves but through one door.</div>
    </aside>
  );
}

function PulseDot(): ReactElement {
  const pulse = usePulse();
  const nowUs = useNowUs();
  const silent = pulse.heardAtMs ? spanOf(nowUs - pulse.heardAtMs * 1_000) : "";
  const words = pulse.state === "live" ? "Live" : pulse.heardAtMs ? `Stale for ${silent}` : "Connecting";
  return <span className="pulse" data-state={pulse.state} role="status"><i />{words}</span>;
}

function StaleBanner(): ReactElement | null {
  const pulse = usePulse();
  if (pulse.state !== "lost") return null;
  return (
    <div className="banner stale" role="alert">
      <strong>Not live.</strong> What you see was true {pulse.heardAtMs ? <When us={pulse.heardAtMs * 1_000} age /> : "when the page was opened"}. Nothing is lost; this page tries again by itself.
    </div>
  );
}

/** A scope as people call it: an agent by the name of its persona. */
function useScopeName(scope: string): string {
  const id = scope.startsWith("agent:") ? scope.slice("agent:".length) : "";
  const agent = useRead(["agents", id], (asked) => api.agentsShow({ ...asked, path: { agent_id: id } }), { when: id !== "" });
  if (scope === "fleet") return "The fleet";
  return agent.data?.persona.name ?? scope.slice(0, 60);
}

function HaltBanner(): ReactElement | null {
  const halts = useHalts();
  const found = halts.data?.items ?? [];
  const firm = found.filter((halt) => halt.state !== "paused");
  const first = firm.find((halt) => halt.halted === "fleet") ?? firm[0] ?? found.find((halt) => halt.halted === "fleet") ?? found[0];
  const name = useScopeName(first?.halted ?? "");
  if (!first) return null;
  return (
    <div className={first.state === "paused" ? "banner stale" : "banner stop"} role="status">
      <Icon name="halt" />
      <span><strong><bdi>{name}</bdi> is {first.state === "paused" ? "paused" : "halted"}</strong> by {first.by} <When us={first.since_us} age />: {first.reason.slice(0, 160)}{found.length > 1 && ` · and ${plural(found.length - 1, "other scope")}`}</span>
    </div>
  );
}

function UserMenu(): ReactElement {
  const session = useSession();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme();
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <>
      <ActionIcon variant="subtle" color="gray" c="var(--text-soft)" aria-label={`Switch to ${other} colours`} onClick={() => { setColorScheme(other); }}><Icon name={scheme === "dark" ? "sun" : "moon"} /></ActionIcon>
      <Menu position="bottom-end" width={220}>
        <Menu.Target><button type="button" className="bare row" aria-label={`Account of ${session.name}`}><span className="avatar">{session.name.slice(0, 1).toUpperCase()}</span></button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{session.name} · {session.roles.join(", ")}</Menu.Label>
          <Menu.Item onClick={() => void api.sessionLogOut().finally(() => { location.assign("/"); })}>Log out</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function Bar({ onHelp }: { onHelp: () => void }): ReactElement {
  const fleet = useFleet();
  const today = fleet.data?.spent_today;
  const currency = fleet.data?.currency ?? "USD";
  return (
    <header className="bar">
      <button type="button" className="seek" onClick={openPalette}><Icon name="search" />Go to, or do<kbd>⌘K</kbd></button>
      <div className="spacer" />
      <PulseDot />
      {today && <span className="gauge" title="Spent today, of what the fleet may spend in a day"><b>{moneyOf(today.spent_micros, currency)}</b> of {moneyOf(today.cap_micros, currency)} today</span>}
      <HaltControl />
      <ActionIcon variant="subtle" color="gray" c="var(--text-soft)" aria-label="Keys" onClick={onHelp}><Icon name="ask" /></ActionIcon>
      <UserMenu />
    </header>
  );
}

function TabBar(): ReactElement {
  const [place] = useLocation();
  const tabs = SCREENS.filter((screen) => ["/reviews", "/fleet", "/campaigns", "/audit"].includes(screen.path));
  return (
    <nav className="tabbar" aria-label="Main screens">
      {tabs.map((screen) => <Link key={screen.path} href={screen.path} aria-current={place.startsWith(screen.path) ? "page" : undefined}><Icon name={screen.icon} size={19} />{screen.title}</Link>)}
      <button type="button" onClick={openPalette}><Icon name="more" size={19} />More</button>
    </nav>
  );
}

export function Shell({ children }: { children: ReactNode }): ReactElement {
  const [place, go] = useLocation();
  const [isHelping, setHelping] = useState(false);
  const screen = SCREENS.find((one) => place.startsWith(one.path));
  useEffect(() => { document.title = screen ? `${screen.title} · Chimera` : "Chimera"; }, [screen]);
  useKeys([
    { keys: "?", says: "All keys", act: () => { setHelping(true); } },
    { keys: "/", says: "Go to, or do", act: openPalette },
    ...SCREENS.filter((one) => one.keys).map((one) => ({ keys: one.keys ?? "", says: one.title, group: "Go to", act: () => { go(one.path); } })),
  ]);
  return (
    <div className="frame">
      <a className="skip" href="#main">To the content</a>
      <Rail />
      <Bar onHelp={() => { setHelping(true); }} />
      <div className="content">
        <StaleBanner />
        <HaltBanner />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
      <TabBar />
      <Palette />
      <KeyHelp isOpen={isHelping} onClose={() => { setHelping(false); }} />
    </div>
  );
}
