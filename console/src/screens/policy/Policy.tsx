/** The fleet's rules: what is in force in words and as text, its tests, its versions, and changing it with eyes open. */
import { SegmentedControl } from "@mantine/core";
import type { ReactElement } from "react";
import { useLocation, useSearch } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Found, Hash, Head, Panel } from "@/parts/parts";
import { Change } from "@/screens/policy/Change";
import { Rules } from "@/screens/policy/Rules";
import { Trials } from "@/screens/policy/Trials";
import { Version, Versions } from "@/screens/policy/Versions";
import { useMay } from "@/session";

const PARTS = [{ value: "", label: "Rules" }, { value: "text", label: "Text" }, { value: "tests", label: "Tests" }, { value: "versions", label: "Versions" }];

export default function Policy(): ReactElement {
  const [place, go] = useLocation();
  const may = useMay();
  const wanted = new URLSearchParams(useSearch()).get("rule") ?? "";
  const [, , part = "", number = ""] = place.split("/");
  const policy = useRead(["policy"], (asked) => api.policyShow(asked));
  const parts = may("policy.apply") ? [...PARTS, { value: "change", label: "Change it" }] : PARTS;
  return (
    <div className="page">
      <Found query={policy}>{(found) => (
        <>
          <Head title="Policy" acts={<SegmentedControl aria-label="Part" data={parts} value={part} onChange={(value) => { go(value ? `/policy/${value}` : "/policy"); }} />}>
            In force: {found.number ? `version ${String(found.number)}, ` : "the pack that is shipped, "}{found.name} {found.release}, <Hash of={found.digest} length={16} />. Every decision names this hash. Deny beats escalate beats allow; what errs denies.
          </Head>
          {part === "" && <Rules policy={found} wanted={wanted} />}
          {part === "text" && <div className="grid two wide-left"><Panel title="policy.cedar" bare><pre className="bytes whole" tabIndex={0}>{found.text}</pre></Panel><div className="stack"><Panel title="bands.json" bare><pre className="bytes whole" tabIndex={0}>{found.bands}</pre></Panel><Panel title="schema.cedarschema" bare><pre className="bytes" tabIndex={0}>{found.schema}</pre></Panel></div></div>}
          {part === "tests" && <Trials candidate={{ number: 0 }} only="check" />}
          {part === "versions" && (number ? <Version key={number} number={Number(number)} current={found} /> : <Versions current={found} />)}
          {part === "change" && <Change current={found} />}
        </>
      )}</Found>
    </div>
  );
}
