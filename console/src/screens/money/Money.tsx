/** Money: what may be spent, what is set aside, what went, for what, and why that was allowed. */
import { Button, Modal, SegmentedControl } from "@mantine/core";
import { useState, type ReactElement } from "react";
import { Link, useLocation, useParams } from "wouter";
import * as api from "chimera-client";
import { type StateOf, usePages, useRead } from "@/api/queries";
import { Empty, Found, Head, Meter, Money as Amount, NoRows, Panel, ProblemNote, State, When } from "@/parts/parts";
import { Burn, partsOf, PERIODS } from "@/screens/money/Burn";
import { Returns } from "@/screens/money/Returns";
import { useCurrency } from "@/session";
import { moneyOf, plural } from "@/words/money";
import { cell, save } from "@/words/save";

type Spending = api.Spending;

const KINDS: Record<string, string> = { fleet: "Fleet", agent: "Agents", campaign: "Campaigns", category: "Categories", account: "Accounts", platform: "Networks", recipient: "Recipients" };
const SHOWN_MAX = 12;

function useNames(): Map<string, string> {
  const agents = usePages(["agents", "names"], (asked) => api.agentsList(asked), { limit: 1000 });
  const campaigns = usePages(["campaigns", "names"], (asked) => api.campaignsList(asked), { limit: 200 });
  const ofAgents = (agents.data?.pages ?? []).flatMap((page) => page.items.map((one) => [one.id, one.persona] as const));
  const ofCampaigns = (campaigns.data?.pages ?? []).flatMap((page) => page.items.map((one) => [one.id, `${new Map(ofAgents).get(one.agent_id) ?? one.agent_name}: ${one.goal.text.slice(0, 60)}`] as const));
  return new Map([...ofAgents, ...ofCampaigns]);
}

function Windows({ names }: { names: ReadonlyMap<string, string> }): ReactElement {
  const windows = useRead(["money", "windows"], (asked) => api.moneyWindows(asked), { query: { limit: 1000 } });
  const [all, setAll] = useState<ReadonlySet<string>>(new Set());
  return (
    <Found query={windows}>{(found) => {
      const groups = Map.groupBy(found.items, (window) => partsOf(window.id).kind);
      const order = [...groups].sort(([a], [b]) => Object.keys(KINDS).indexOf(a) - Object.keys(KINDS).indexOf(b));
      if (!order.length) return <Panel bare><Empty title="No window has been opened yet">A window opens with the first cent that is set aside in its scope and period.</Empty></Panel>;
      return (
        <div className="stack">{order.map(([kind, members]) => {
          const sorted = [...members].sort((a, b) => PERIODS.indexOf(partsOf(a.id).period) - PERIODS.indexOf(partsOf(b.id).period) || b.spent_micros + b.held_micros - a.spent_micros - a.held_micros);
          const shown = all.has(kind) ? sorted : sorted.slice(0, SHOWN_MAX);
          return (
            <Panel key={kind} title={KINDS[kind] ?? kind} note={plural(members.length, "window")} bare>
              <ul className="plain-list burns">{shown.map((window) => { const { name } = partsOf(window.id); return <Burn key={window.id} window={window} name={kind === "fleet" ? "The whole fleet" : (names.get(name) ?? name)} />; })}</ul>
              {shown.length < members.length && <Button m={10} variant="subtle" onClick={() => { setAll(new Set([...all, kind])); }}>All {members.length}</Button>}
            </Panel>
          );
        })}</div>
      );
    }}</Found>
  );
}

function Why({ id }: { id: string }): ReactElement {
  const why = useRead(["money", "why", id], (asked) => api.moneyExplain({ ...asked, path: { hold_id: id } }));
  return (
    <Found query={why}>{(found) => (
      <div className="stack">
        <p style={{ margin: 0, fontSize: 15 }}>{found.in_words}</p>
        <dl className="facts">
          <dt>Set aside</dt><dd><Amount micros={found.hold.amount_micros} /> <State of={found.hold.state} /></dd>
          <dt>Spent</dt><dd><Amount micros={found.hold.captured_micros} /></dd>
          {found.grant && <><dt>Grant</dt><dd className="hash">{found.grant.id}</dd><dt>Policy</dt><dd className="hash">{found.grant.terms.policy_digest}</dd></>}
          {found.review && <><dt>Person</dt><dd>{found.review.approver?.name ?? "nobody yet"} – {found.review.outcome || found.review.state}</dd></>}
          {found.performance && <><dt>Act</dt><dd><State of={found.performance.state} /></dd></>}
        </dl>
        <div><Link href={`/audit/task/${found.hold.task_id}`}>The whole life of this task</Link></div>
        <Panel title="Windows that had room" bare><ul className="plain-list">{found.windows.map((window) => <Burn key={window.id} window={window} name={window.id.split("|")[0] ?? ""} />)}</ul></Panel>
      </div>
    )}</Found>
  );
}

// What was captured, by what it was for: models, and what a task's hold paid besides (tools, storage).
function paidFor(row: Spending): readonly (readonly [string, number])[] {
  const parts = Object.entries(row.captured_parts);
  const rest = row.captured_micros - parts.reduce((sum, [, micros]) => sum + micros, 0);
  return rest || !parts.length ? [[row.category, rest], ...parts] : parts;
}

function ByCategory({ rows }: { rows: readonly Spending[] }): ReactElement | null {
  const sums = new Map<string, number>();
  rows.flatMap(paidFor).forEach(([category, micros]) => { const name = category || "no longer on record"; sums.set(name, (sums.get(name) ?? 0) + micros); });
  const most = Math.max(1, ...sums.values());
  if (!rows.length) return null;
  return (
    <Panel title="By category" note={`of the ${plural(rows.length, "act")} below`}>
      {[...sums].sort(([, a], [, b]) => b - a).map(([name, micros]) => <div key={name} style={{ padding: "3px 0" }}><div className="row"><span className="grow">{name}</span><Amount micros={micros} /></div><Meter spent={micros} held={0} cap={most} /></div>)}
    </Panel>
  );
}

function Spent(): ReactElement {
  const [, go] = useLocation();
  const currency = useCurrency();
  const [state, setState] = useState<StateOf<api.MoneySpendingData>>("");
  const pages = usePages(["money", "spending"], (asked) => api.moneySpending(asked), { state, limit: 200 });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const csv = (): void => {
    const head = ["id", "task", "when", "state", `set aside (micros ${currency})`, `spent (micros ${currency})`, "kind", "category", "recipient"];
    // A line for each thing that was paid; what was set aside stands on the first.
    const lines = rows.flatMap((row) => paidFor(row).map(([category, micros], part) => [row.id, row.task_id, new Date(row.at_us / 1000).toISOString(), row.state, part ? 0 : row.amount_micros, micros, row.kind, category, row.recipient].map(cell).join(",")));
    save("spending.csv", [head.map(cell).join(","), ...lines].join("\r\n") + "\r\n", "text/csv");
  };
  return (
    <div className="stack">
      <div className="filters" style={{ margin: 0 }}><SegmentedControl aria-label="State" data={[{ value: "", label: "All" }, { value: "held", label: "Set aside" }, { value: "captured", label: "Spent" }, { value: "released", label: "Given back" }]} value={state} onChange={setState} /><span className="grow" /><Button variant="default" disabled={!rows.length} onClick={csv}>CSV</Button></div>
      {pages.isError && <ProblemNote error={pages.error} />}
      <ByCategory rows={rows} />
      <Panel bare label="Spending">
        {!rows.length ? <NoRows pages={pages}><Empty title="Nothing here yet">Money is set aside before an act and captured after it; both appear here.</Empty></NoRows> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>When</th><th>For</th><th>Category</th><th>To</th><th>State</th><th className="num">Set aside</th><th className="num">Spent</th><th /></tr></thead>
            <tbody>{rows.map((row) => <tr key={row.id}><td><When us={row.at_us} /></td><td>{row.kind || "–"} <span className="faint">{row.platform}</span></td><td>{paidFor(row).map(([category]) => category).join(", ") || "–"}</td><td>{row.recipient || "–"}</td><td><State of={row.state} /></td><td className="num">{moneyOf(row.amount_micros, currency)}</td><td className="num">{moneyOf(row.captured_micros, currency)}</td><td className="num"><Button size="compact-sm" variant="default" onClick={() => { go(`/money/${row.id}`); }}>Why?</Button></td></tr>)}</tbody></table></div>
        )}
      </Panel>
      {pages.hasNextPage && <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>More</Button>}
    </div>
  );
}

export default function Money(): ReactElement {
  const { id } = useParams<{ id?: string }>();
  const [, go] = useLocation();
  const [view, setView] = useState(id ? "spent" : "windows");
  const names = useNames();
  return (
    <div className="page">
      <Head title="Money" acts={<SegmentedControl aria-label="Part" data={[{ value: "windows", label: "Windows" }, { value: "spent", label: "Spending" }, { value: "returns", label: "Costs and returns" }]} value={view} onChange={setView} />}>Set aside before, captured after. Held plus spent never exceeds a cap: the database refuses.</Head>
      {view === "windows" ? <Windows names={names} /> : view === "spent" ? <Spent /> : <Returns names={names} />}
      <Modal opened={id !== undefined} onClose={() => { go("/money"); }} title="Why was this allowed?" size="lg">{id !== undefined && <Why id={id} />}</Modal>
    </div>
  );
}
