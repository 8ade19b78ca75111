/** From an empty installation to a rehearsal, and from there to going live. Each step is looked up, not remembered. */
import { Button } from "@mantine/core";
import type { ReactElement, ReactNode } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { useFleet, usePages, useRead } from "@/api/queries";
import { Icon } from "@/parts/Icon";
import { Head, Meter } from "@/parts/parts";
import { openHalt } from "@/shell/HaltControl";
import { useMay } from "@/session";

interface Step { title: string; isDone: boolean; children: ReactNode; act?: { says: string; go: string | (() => void) } | undefined }

function Act({ act, isNext }: { act: Step["act"]; isNext: boolean }): ReactElement | null {
  const [, go] = useLocation();
  if (!act) return null;
  return <Button mt={8} variant={isNext ? "filled" : "default"} onClick={() => { if (typeof act.go === "string") go(act.go); else act.go(); }}>{act.says}</Button>;
}

function Steps({ of }: { of: readonly Step[] }): ReactElement {
  const next = of.findIndex((step) => !step.isDone);
  const done = of.filter((step) => step.isDone).length;
  return (
    <>
    <div className="row" style={{ margin: "0 0 20px" }}><div className="grow"><Meter spent={done} held={0} cap={of.length} /></div><span className="faint">{done} of {of.length} done</span></div>
    <ol className="guide">{of.map((step, index) => (
      <li key={step.title} data-state={step.isDone ? "done" : index === next ? "next" : "later"}>
        <i>{step.isDone ? <Icon name="check" size={14} /> : index + 1}</i>
        <div><h2>{step.title}{step.isDone && <span className="faint"> – done</span>}</h2><div className="soft">{step.children}</div>{!step.isDone && <Act act={step.act} isNext={index === next} />}</div>
      </li>
    ))}</ol>
    </>
  );
}

/** What is done outside the console stands here word for word: keys never pass through a browser. */
function GoingLive(): ReactElement {
  return (
    <>
      One agent first, with a small cap and everything held for a person.
      <ol className="going-live">
        <li>Put the account’s token into a file under <code>secrets/</code> in the home, readable for you alone.</li>
        <li>Name the network and the account in <code>networks.toml</code>; <code>chimera connector list</code> shows what is understood.</li>
        <li>On the agent’s page, write a <i>New version</i> whose account says that network instead of <code>sandbox</code>.</li>
        <li>Stop the fleet and start it with <code>chimera up --live</code>. Judge, gate, reviews, caps and halts stay as they were in rehearsal.</li>
      </ol>
      <Link href="/connections">Connections</Link> shows what speaks through what, and whether its token is taken.
    </>
  );
}

export default function Start(): ReactElement {
  const may = useMay();
  const fleet = useFleet().data;
  const campaigns = usePages(["campaigns", "first"], (asked) => api.campaignsList(asked), { limit: 1 }).data?.pages[0]?.items ?? [];
  const ruled = usePages(["reviews", "ruled"], (asked) => api.reviewsList(asked), { state: "closed", limit: 1 }, may("review.look")).data?.pages[0]?.items ?? [];
  const lifted = useRead(["halts", "lifted"], (asked) => api.haltsList(asked), { query: { state: "lifted", limit: 1 } }).data?.items ?? [];
  const connections = useRead(["connections", "some"], (asked) => api.connectionsList(asked), { query: { limit: 200 }, when: may("fleet.look") }).data?.items ?? [];
  const people = useRead(["people"], (asked) => api.peopleList(asked), { when: may("people.look") }).data?.items ?? [];
  const policies = useRead(["policy", "versions"], (asked) => api.policyVersions(asked), { when: may("policy.look") }).data?.items ?? [];
  const agents = Object.values(fleet?.agents ?? {}).reduce((sum, count) => sum + count, 0);
  const active = fleet?.agents["active"] ?? 0;
  const isLive = connections.some((one) => one.platform !== "sandbox");
  return (
    <div className="page" style={{ maxWidth: 860 }}>
      <Head title="Getting started">Rehearsal comes first: the whole fleet against a simulated network, with nothing at stake. Then add keys, and change one word.</Head>
      <Steps of={[
        { title: "Install an agent", isDone: agents > 0, act: may("agent.change") ? { says: "Install an agent", go: "/agents/new" } : undefined, children: <>A persona with permissions, accounts and a budget. <code>chimera up</code> brings a rehearsal’s cast; <Link href="/agents/new">install your own</Link>.</> },
        { title: "Activate it", isDone: active > 0, act: may("agent.change") && agents > 0 ? { says: "To the agents", go: "/agents" } : undefined, children: <>An agent that is only installed does nothing. Read on its page what it may do, in plain words, then choose <i>Activate</i> there.</> },
        { title: "Give it a goal", isDone: campaigns.length > 0, act: may("goal.give") ? { says: "Open a campaign", go: "/campaigns?new" } : undefined, children: <><Link href="/campaigns?new">Open a campaign</Link>: what you want, from whom, for how much. The planner writes a plan that you can watch.</> },
        { title: "See something published", isDone: (fleet?.today.published ?? 0) > 0, act: { says: "Watch the plan", go: "/campaigns" }, children: <>The <Link href="/campaigns">campaign’s graph</Link> is live. Choose a step to see its whole life, from what was heard to the receipt.</> },
        { title: "Rule on a review", isDone: ruled.length > 0, act: may("review.look") ? { says: "To the desk", go: "/reviews" } : undefined, children: <>Where policy wants a person, the act waits on <Link href="/reviews">the desk</Link>. <kbd>a</kbd> approves, <kbd>e</kbd> edits, <kbd>r</kbd> rejects. Silence is a no.</> },
        { title: "Stop it, and let it go on", isDone: lifted.length > 0, act: may("halt.set") ? { says: "Halt the fleet…", go: openHalt } : undefined, children: <>Try the halt at the top of every page while nothing is at stake. It says beforehand what it will do; lifting it loses nothing.</> },
        { title: "Verify its history yourself", isDone: false, act: may("audit.look") ? { says: "Verify it", go: "/audit/verify" } : undefined, children: <><Link href="/audit/verify">Verify in this browser</Link>: every hash is computed here, from the raw bytes. It is worth doing again from time to time, so it is never done.</> },
        { title: "Let somebody else in", isDone: people.length > 1, act: may("people.change") ? { says: "Add somebody", go: "/people" } : undefined, children: <>Whoever runs the fleet should not be the only one who rules on it. A <b>reviewer</b> rules, <b>finance</b> watches the money, an <b>auditor</b> reads everything; give yourself a <Link href="/people/you">password and codes</Link>.</> },
        { title: "Look at the rules once", isDone: policies.length > 0, act: { says: "Read the policy", go: "/policy" }, children: <>The shipped pack is careful. <Link href="/policy/change">Change it</Link> when you know what you want: every change is tried on this rehearsal’s history before it is applied.</> },
        { title: "Go live", isDone: isLive, act: agents > 0 && may("agent.change") ? { says: "To the agents", go: "/agents" } : undefined, children: <GoingLive /> },
      ]} />
    </div>
  );
}
