/** The figures that people steer by, and what is wrong at this moment. */
import type { ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { useFleet, useHalts, useRead } from "@/api/queries";
import { usePulse } from "@/live/stream";
import { Chip, Empty, Figures, Found, Head, Panel, When } from "@/parts/parts";
import { countOf, percentOf, plural } from "@/words/money";
import { spanOf } from "@/words/time";

const HOUR_US = 3_600_000_000;

function valueOf(kpi: api.Kpi): string {
  if (kpi.value === null) return "–";
  if (kpi.unit === "bp") return percentOf(kpi.value);
  return kpi.unit === "us" ? (kpi.value ? spanOf(kpi.value) : "none") : countOf(kpi.value);
}

interface Alert { text: string; href: string; tone: "stop" | "wait" }

function useAlerts(): Alert[] {
  const fleet = useFleet().data;
  const halts = useHalts().data?.items ?? [];
  const pulse = usePulse();
  const alerts: Alert[] = halts.map((halt) => ({ text: `${halt.halted === "fleet" ? "The fleet" : halt.halted} is ${halt.state === "paused" ? "paused" : "halted"}: ${halt.reason}`, href: "/fleet", tone: halt.state === "paused" ? "wait" : "stop" }));
  if (fleet) {
    const { spent_today: today, tasks } = fleet;
    if (today && today.overrun_micros > 0) alerts.push({ text: "Cost went beyond today’s window; it is closed", href: "/money", tone: "stop" });
    if (today && today.room_micros * 10 < today.cap_micros) alerts.push({ text: "Less than a tenth of today’s money is left", href: "/money", tone: "wait" });
    if (fleet.oldest_review_us > HOUR_US) alerts.push({ text: `The oldest review waits for ${spanOf(fleet.oldest_review_us)}`, href: "/reviews", tone: "wait" });
    if ((tasks["in_doubt"] ?? 0) > 0) alerts.push({ text: `Nobody knows yet of ${plural(tasks["in_doubt"] ?? 0, "act")} whether it happened`, href: "/audit?kind=EFFECT_IN_DOUBT", tone: "wait" });
  }
  if (pulse.state === "lost") alerts.push({ text: "This page has lost its live stream", href: "/kpis", tone: "wait" });
  return alerts;
}

export default function Kpis(): ReactElement {
  const kpis = useRead(["kpis"], (asked) => api.kpisShow(asked), { everyMs: 5_000 });
  const alerts = useAlerts();
  return (
    <div className="page">
      <Head title="KPIs and alerts">What needs somebody now, and the figures of the day. Each leads to where it is dealt with.</Head>
      <Panel title="Now" bare>{alerts.length ? <ul className="plain-list">{alerts.map((alert) => <li key={alert.text} className="row"><Chip tone={alert.tone}>{alert.tone === "stop" ? "stopped" : "look"}</Chip><Link href={alert.href} style={{ color: "var(--text)" }}><bdi>{alert.text}</bdi></Link></li>)}</ul> : <Empty title="Nothing needs you">No halt, no doubt, no overrun, and nobody waits for longer than an hour.</Empty>}</Panel>
      <div style={{ height: 14 }} />
      <Found query={kpis}>{(found) => (
        <>
          <Figures of={found.items.map((kpi) => ({ label: kpi.title.replace(/^./, (letter) => letter.toUpperCase()), value: valueOf(kpi) }))} />
          <p className="faint">Counted from the chains since <When us={found.since_us} />{found.is_whole ? "" : "; the count is still under way"}.</p>
        </>
      )}</Found>
    </div>
  );
}
