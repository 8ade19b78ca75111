/** The accounts of all agents, network by network: whether each still works, when it was used last, what is left of its quota. */
import { Button } from "@mantine/core";
import type { ReactElement, ReactNode } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { usePages, useRead } from "@/api/queries";
import { Chip, Empty, Found, Head, Panel, State, When } from "@/parts/parts";
import { UntrustedLine } from "@/parts/Untrusted";
import { openHalt } from "@/shell/HaltControl";
import { Programs } from "@/screens/Programs";
import { Webhooks } from "@/screens/Webhooks";
import { useMay } from "@/session";
import { handleOf } from "@/words/plain";
import { countOf, plural } from "@/words/money";

type Row = api.Connection;
type Window = api.WindowShown;

const HEALTH: Record<Row["health"], { tone: "go" | "wait" | "stop" | "plain"; says: string; means: string }> = {
  working: { tone: "go", says: "works", means: "The network took its latest act, and with it the proof of who it is." },
  failing: { tone: "wait", says: "last act failed", means: "The latest act did not go through, for another reason than who it is." },
  refused: { tone: "stop", says: "not let in", means: "The network did not take the account’s proof: its token has run out, was revoked, or is wrong." },
  unused: { tone: "plain", says: "not used today", means: "Nothing was done through it since the day began; whether its token is still good is not known." },
};
const SPEAKS: Record<string, string> = { sandbox: "the rehearsal’s simulated network", bluesky: "AT Protocol", mastodon: "Mastodon’s API", nostr: "Nostr", x: "X’s API", threads: "Threads’ API" };
// Of each kind: what proves who an account is, and whether that runs out by itself.
const PROOF: Record<string, string> = {
  sandbox: "no proof is needed",
  bluesky: "app password: valid until it is revoked",
  mastodon: "access token: valid until it is revoked",
  nostr: "signing key: does not run out",
  x: "token: runs out, and is renewed by itself",
  threads: "token: runs out, and is renewed by itself",
};

/** What is left in the windows that count this account's posts and calls now, and those of its whole network. */
function leftOf(row: Row, windows: readonly Window[]): { says: string; isShort: boolean; opensUs: number }[] {
  const scopes: [string, string][] = [[`account:${row.platform}/${row.handle}|`, ""], [`platform:${row.platform}|`, ", all accounts together"]];
  return scopes.flatMap(([scope, whose]) => windows.filter((one) => one.id.startsWith(scope)).map((one) => {
    const [unit = "", span = ""] = one.id.slice(scope.length).split("|")[0]?.split("-") ?? [];
    // A fifth of the calls is kept for acts: from there on nothing is read.
    const readsWait = unit === "calls" && one.room_micros <= Math.floor(one.cap_micros / 5);
    const says = `${countOf(one.room_micros)} of ${countOf(one.cap_micros)} ${unit} this ${span}${whose}${readsWait && one.room_micros > 0 ? ", kept for acts" : ""}`;
    return { says, isShort: readsWait || one.room_micros * 10 < one.cap_micros, opensUs: readsWait || one.room_micros === 0 ? (one.opens_again_us ?? 0) : 0 };
  }));
}

function Health({ row }: { row: Row }): ReactElement {
  const health = HEALTH[row.health];
  return (
    <>
      <Chip tone={health.tone} title={health.means}>{health.says}</Chip>
      {row.expires_us > 0 && <div className="soft">good until <When us={row.expires_us} /></div>}
      {row.last_error && row.health !== "working" && <div className="soft"><UntrustedLine text={row.last_error} /><span className="faint"><When us={row.last_error_us} age /></span></div>}
    </>
  );
}

function Account({ row, windows }: { row: Row; windows: readonly Window[] }): ReactElement {
  const left = leftOf(row, windows);
  return (
    <tr>
      <td><bdi>{handleOf(row.handle)}</bdi></td>
      <td><Link href={`/agents/${row.agent_id}`}>{row.agent_name}</Link> {row.state !== "active" && <State of={row.state} />}</td>
      <td><Health row={row} /></td>
      <td>{row.last_used_us ? <When us={row.last_used_us} age /> : <span className="faint">not today</span>}</td>
      <td className="num">{countOf(row.done)}{row.failed + row.in_doubt > 0 && <span className="faint"> · {countOf(row.failed + row.in_doubt)} not</span>}</td>
      <td>{left.length === 0 ? <span className="faint">none is kept</span> : left.map((one) => <div key={one.says}>{one.isShort ? <Chip tone="wait">{one.says}</Chip> : one.says}{one.opensUs > 0 && <span className="faint"> again from <When us={one.opensUs} /></span>}</div>)}</td>
    </tr>
  );
}

function noteOf(members: readonly Row[]): ReactNode {
  const [first] = members;
  const kind = first?.kind ?? "";
  const speaks = SPEAKS[kind] ?? (kind ? kind : "not configured here");
  return <>{plural(members.length, "account")} · {speaks}{PROOF[kind] && ` · ${PROOF[kind]}`}</>;
}

function Network({ platform, members, windows }: { platform: string; members: Row[]; windows: readonly Window[] }): ReactElement {
  const may = useMay();
  const [first] = members;
  const refused = members.filter((row) => row.health === "refused").length;
  const acts = (
    <>
      {first?.kind && !first.exercised && <Chip tone="wait" title="Tested against stand-ins of ours on the wire, never against the network itself">not exercised live</Chip>}
      {refused > 0 && <Chip tone="stop">{plural(refused, "account")} not let in</Chip>}
      {first?.halted ? <Chip tone="stop">halted</Chip> : may("halt.set") && <Button size="compact-sm" variant="default" onClick={() => { openHalt(`platform:${platform}`); }}>Halt it…</Button>}
    </>
  );
  return (
    <Panel title={platform} label={platform} note={noteOf(members)} acts={acts} bare>
      {refused > 0 && <p className="soft" style={{ margin: "10px 14px" }}>Put a new token into its file under <code>secrets/</code> in the home (<code>networks.toml</code> says which): it is read when the account is used next. What was refused was not done, and stands in its campaign as failed.</p>}
      <div className="scroll-x">
        <table className="list">
          <thead><tr><th>Account</th><th>Agent</th><th>Token</th><th>Last used</th><th className="num">Acts today</th><th>Quota left</th></tr></thead>
          <tbody>{members.map((row) => <Account key={row.agent_id + row.handle} row={row} windows={windows} />)}</tbody>
        </table>
      </div>
    </Panel>
  );
}

export default function Connections(): ReactElement {
  const may = useMay();
  const pages = usePages(["connections", "list"], (asked) => api.connectionsList(asked), { limit: 200 });
  const kept = { limit: 1_000, when: may("money.look") };
  const ofAccounts = useRead(["money", "quotas", "accounts"], (asked) => api.moneyWindows(asked), { query: { scope: "account:", limit: kept.limit }, when: kept.when }).data?.items ?? [];
  const ofNetworks = useRead(["money", "quotas", "networks"], (asked) => api.moneyWindows(asked), { query: { scope: "platform:", limit: kept.limit }, when: kept.when }).data?.items ?? [];
  const windows = [...ofAccounts, ...ofNetworks];
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const networks = [...Map.groupBy(rows, (row) => row.platform)];
  return (
    <div className="page">
      <Head title="Connections">Which accounts the fleet speaks through, and whether each still works. The secrets themselves are in no answer of the API.</Head>
      <Found query={pages}>{() => rows.length === 0 ? <Panel bare><Empty title="No accounts yet" act={may("agent.change") && <Link href="/agents/new">Install an agent</Link>}>An agent’s manifest names its accounts: a network, and a handle on it. <code>sandbox</code> is the rehearsal’s network and needs no key.</Empty></Panel>
        : <div className="stack">{networks.map(([platform, members]) => <Network key={platform} platform={platform} members={members} windows={windows} />)}</div>}</Found>
      <div style={{ marginTop: 14 }}><Programs /></div>
      {may("system.change") && <div style={{ marginTop: 14 }}><Webhooks /></div>}
      {pages.hasNextPage && <Button mt={12} variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </div>
  );
}
