/** Who may come in, what their roles let them do, and one's own ways in. */
import { SegmentedControl } from "@mantine/core";
import type { ReactElement } from "react";
import { useLocation, useParams } from "wouter";
import { Head } from "@/parts/parts";
import { Everybody } from "@/screens/people/Everybody";
import { Reviewers } from "@/screens/people/Reviewers";
import { Tokens } from "@/screens/people/Tokens";
import { You } from "@/screens/people/You";
import { useMay } from "@/session";

export default function People(): ReactElement {
  const { part } = useParams<{ part?: string }>();
  const [, go] = useLocation();
  const may = useMay();
  const tabs = [...(may("people.look") ? [{ value: "", label: "Everybody" }] : []), ...(may("review.look") ? [{ value: "reviewers", label: "Reviewers" }] : []), { value: "you", label: "You" }, { value: "tokens", label: "Your tokens" }];
  const shown = tabs.some((tab) => tab.value === (part ?? "")) ? (part ?? "") : "you";
  return (
    <div className="page">
      <Head title="People" acts={<SegmentedControl aria-label="Part" data={tabs} value={shown} onChange={(value) => { go(value ? `/people/${value}` : "/people"); }} />}>The people pack says who may do what; what it does not permit is denied. Every change is somebody’s, and stands in the chain.</Head>
      {shown === "" ? <Everybody /> : shown === "reviewers" ? <Reviewers /> : shown === "tokens" ? <Tokens /> : <You />}
    </div>
  );
}
