/** The whole fleet at a glance: figures, then every agent as a tile, however many there are. */
import { Button, Select, TextInput } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState, type ReactElement } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { readAll, useFleet } from "@/api/queries";
import { Icon } from "@/parts/Icon";
import { Avatar, Empty, Figures, Found, Head, Meter, Money, State, When } from "@/parts/parts";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";
import { countOf, percentOf, plural } from "@/words/money";
import { handleOf } from "@/words/plain";
import { spanOf } from "@/words/time";

type Row = api.AgentRow;
type Grouping = "none" | "state" | "network" | "version";
type Order = "name" | "spend" | "room";

const AGENTS_MAX = 20_000;
const TILE_PX = 232;
const TILE_HEIGHT_PX = 118;
const GROUP_PX = 36;

const groupOf = (row: Row, grouping: Grouping): string => {
  if (grouping === "network") return row.accounts.map((account) => account.platform).join(", ") || "no account";
  if (grouping === "version") return `version ${row.package_version}`;
  return row.halted ? "halted" : row.state;
};

const ORDERS: Record<Order, (a: Row, b: Row) => number> = {
  name: (a, b) => a.persona.localeCompare(b.persona) || a.name.localeCompare(b.name),
  spend: (a, b) => b.spent_micros - a.spent_micros,
  room: (a, b) => a.cap_micros - a.spent_micros - a.held_micros - (b.cap_micros - b.spent_micros - b.held_micros),
};

function Overview(): ReactElement {
  const fleet = useFleet();
  return (
    <Found query={fleet}>
      {(found) => {
        const moving = Object.values(found.tasks).reduce((sum, count) => sum + count, 0);
        const waiting = Object.values(found.reviews).reduce((sum, count) => sum + count, 0);
        return (
          <>
          <Figures of={[
            { label: "Agents active", value: countOf(found.agents["active"] ?? 0), note: `of ${countOf(Object.values(found.agents).reduce((sum, count) => sum + count, 0))}` },
            { label: "Spent today", value: <Money micros={found.spent_today?.spent_micros ?? 0} currency={found.currency} />, note: found.spent_today && <>of <Money micros={found.spent_today.cap_micros} currency={found.currency} /></> },
            { label: "Autonomy today", value: found.autonomy_bp === null ? "–" : percentOf(found.autonomy_bp), note: found.autonomy_bp === null ? "nothing decided yet" : "needed nobody" },
            { label: "Published today", value: countOf(found.today.published), note: found.today.is_whole ? undefined : "counted so far" },
            { label: "Refused today", value: countOf(found.today.refused + found.today.refused_inputs) },
            { label: "On the way", value: countOf(moving), note: found.oldest_ready_us ? `oldest ${spanOf(found.oldest_ready_us)}` : undefined },
            { label: "Waiting for people", value: <Link href="/reviews">{countOf(waiting)}</Link>, note: found.oldest_review_us ? `oldest ${spanOf(found.oldest_review_us)}` : undefined },
          ]} />
          {found.managers === 0 && <div className="problem" role="status">No manager is at work: nothing is planned, judged or settled until <code>chimera up</code> or <code>chimera manager</code> runs.</div>}
          {found.held_back.map((one) => <p key={one.task_type} className="small" role="status"><bdi>{one.task_type}</bdi> waits: <bdi>{one.models.join(", ")}</bdi> turns it away, since <When us={one.since_us} />. {countOf(one.assignments_at_once)} of it at once; everything else goes on.</p>)}
          </>
        );
      }}
    </Found>
  );
}

function Tile({ row }: { row: Row }): ReactElement {
  const may = useMay();
  return (
    <article className="tile" data-halted={row.halted || undefined}>
      <div className="row">
        <Avatar name={row.persona} of={row.id} />
        <Link href={`/agents/${row.id}`} className="grow cut tile-name" title={row.name}>{row.persona}</Link>
        {row.halted || row.state !== "active" ? <State of={row.halted ? "halted" : row.state} /> : <i className="on" title="active" role="img" aria-label="active" />}
      </div>
      <div className="cut faint">{row.accounts.map((account) => handleOf(account.handle)).join(" ") || row.name}</div>
      <Meter spent={row.spent_micros} held={row.held_micros} cap={row.cap_micros} />
      <div className="row tile-foot"><span className="grow cut"><Money micros={row.spent_micros} /> <span className="faint">of <Money micros={row.cap_micros} /></span></span>{!row.halted && may("halt.set") && <button type="button" className="bare tile-halt" aria-label={`Halt ${row.persona}`} title="Halt it" onClick={() => { openHalt(`agent:${row.id}`); }}><Icon name="halt" /></button>}</div>
    </article>
  );
}

type Line = { key: string; group: string; count: number } | { key: string; rows: Row[] };

function linesOf(rows: readonly Row[], grouping: Grouping, columns: number): Line[] {
  const groups = new Map<string, Row[]>();
  rows.forEach((row) => {
    const name = grouping === "none" ? "" : groupOf(row, grouping);
    const members = groups.get(name);
    if (members) members.push(row);
    else groups.set(name, [row]);
  });
  return [...groups].flatMap(([group, members]) => {
    const lines: Line[] = group ? [{ key: `group ${group}`, group, count: members.length }] : [];
    for (let at = 0; at < members.length; at += columns) lines.push({ key: `${group}${String(at)}`, rows: members.slice(at, at + columns) });
    return lines;
  });
}

function Tiles({ rows, grouping }: { rows: readonly Row[]; grouping: Grouping }): ReactElement {
  const { ref, width } = useElementSize();
  const frame = useRef<HTMLDivElement | null>(null);
  const columns = Math.max(1, Math.floor((width || 1000) / TILE_PX));
  const lines = useMemo(() => linesOf(rows, grouping, columns), [rows, grouping, columns]);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => frame.current, estimateSize: (index) => (lines[index] && "group" in lines[index] ? GROUP_PX : TILE_HEIGHT_PX), getItemKey: (index) => lines[index]?.key ?? index, overscan: 4 });
  return (
    <div className="tiles" ref={frame} tabIndex={0} role="region" aria-label="Agents">
      <div ref={ref} style={{ height: virtual.getTotalSize(), position: "relative" }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (!line) return null;
          return (
            <div key={item.key} className="tile-line" style={{ height: item.size, transform: `translateY(${String(item.start)}px)` }}>
              {"group" in line ? <div className="tile-group">{line.group}<span className="faint">{countOf(line.count)}</span></div> : <div className="tile-row" style={{ gridTemplateColumns: `repeat(${String(columns)}, minmax(0, 1fr))` }}>{line.rows.map((row) => <Tile key={row.id} row={row} />)}</div>}
            </div>
          );
        })}
      </div>
    </div>
  );
}

export default function Fleet(): ReactElement {
  const [, go] = useLocation();
  const [words, setWords] = useState("");
  const [grouping, setGrouping] = useState<Grouping>("none");
  const [order, setOrder] = useState<Order>("name");
  const agents = useQuery({ queryKey: ["agents", "all"], queryFn: ({ signal }) => readAll((asked) => api.agentsList(asked), { limit: 1000 }, AGENTS_MAX, signal) });
  const shown = useMemo(() => {
    const sought = words.trim().toLowerCase();
    return (agents.data ?? []).filter((row) => !sought || `${row.persona} ${row.name} ${row.accounts.map((one) => one.handle).join(" ")}`.toLowerCase().includes(sought)).sort(ORDERS[order]);
  }, [agents.data, words, order]);
  return (
    <div className="page wide fleet-page">
      <Head title="Fleet" />
      <Overview />
      <div className="filters">
        <TextInput w={260} placeholder="Name or account" aria-label="Search agents" leftSection={<Icon name="search" />} value={words} onChange={(event) => { setWords(event.currentTarget.value); }} />
        <Select w={170} aria-label="Group by" data={[{ value: "none", label: "Not grouped" }, { value: "state", label: "By state" }, { value: "network", label: "By network" }, { value: "version", label: "By version" }]} value={grouping} allowDeselect={false} onChange={(value) => { setGrouping((value ?? "none") as Grouping); }} />
        <Select w={190} aria-label="Order by" data={[{ value: "name", label: "By name" }, { value: "spend", label: "Most spent today" }, { value: "room", label: "Least left today" }]} value={order} allowDeselect={false} onChange={(value) => { setOrder((value ?? "name") as Order); }} />
        {agents.data && <span className="faint">{plural(shown.length, "agent")}{shown.length !== agents.data.length && ` of ${countOf(agents.data.length)}`}</span>}
      </div>
      <Found query={agents}>{(found) => (found.length ? (shown.length ? <Tiles rows={shown} grouping={grouping} /> : <Empty title="No agent by that name">Try a part of its persona’s name or of an account.</Empty>) : <Empty title="No agents yet" act={<Button onClick={() => { go("/start"); }}>How to begin</Button>}>An agent is a persona with permissions, accounts and a budget. Two are shipped; yours is a folder away.</Empty>)}</Found>
    </div>
  );
}
