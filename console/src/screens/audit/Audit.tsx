/** Proof: the chain to look through, to verify here, and one task's whole life. */
import { SegmentedControl } from "@mantine/core";
import type { ReactElement } from "react";
import { useLocation } from "wouter";
import { Head } from "@/parts/parts";
import { Events } from "@/screens/audit/Events";
import { TaskLife } from "@/screens/audit/TaskLife";
import { Verify } from "@/screens/audit/Verify";
import { useMay } from "@/session";

export default function Audit(): ReactElement {
  const [place, go] = useLocation();
  const may = useMay();
  const [, , part = "", id = ""] = place.split("/");
  if (part === "task" && id) return <div className="page"><TaskLife id={id} /></div>;
  const tabs = [{ value: "", label: "Events" }, ...(may("audit.look") ? [{ value: "verify", label: "Verify" }] : [])];
  return (
    <div className="page">
      <Head title="Audit" acts={<SegmentedControl aria-label="Part" data={tabs} value={part} onChange={(value) => { go(value ? `/audit/${value}` : "/audit"); }} />}>Every step is an event, and every event holds the hash of the one before it. What was changed, removed or moved is found.</Head>
      {part === "verify" ? <Verify /> : <Events />}
    </div>
  );
}
