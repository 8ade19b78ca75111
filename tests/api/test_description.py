"""The committed description is the API's own, and every route has a place in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from chimera.assembly.serving import api_document
from chimera.domain.event import EventKind

CONSOLE = Path(__file__).resolve().parents[2] / "console"
COMMITTED = CONSOLE / "openapi.json"


def test_the_committed_description_is_the_one_in_force():
    # Compared before it is asserted: a difference of half a megabyte would be explained for minutes.
    is_current = COMMITTED.read_bytes() == api_document()
    assert is_current, "write it anew: chimera api schema > console/openapi.json"


def test_the_console_filters_by_every_kind_of_event():
    screen = (CONSOLE / "src/screens/audit/Events.tsx").read_text()
    named = screen.partition("const KINDS = [")[2].partition("];")[0]
    assert set(re.findall(r'"([A-Z_]+)"', named)) == {str(kind) for kind in EventKind}


def test_every_operation_has_an_answer_errors_and_a_summary():
    described = json.loads(api_document())
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert len(operations) > 50
    for operation in operations:
        assert operation["summary"] and operation["operationId"] and operation["x-needs"]
        assert {"429", "500", "503"} <= operation["responses"].keys()
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere():
    text = api_document().decode()
    described = json.loads(text)
    wanted = {part.split('"')[0] for part in text.split('"$ref": "#/components/')[1:]}
    found = {f"{kind}/{name}" for kind, members in described["components"].items() for name in members}
    assert wanted <= found


def test_each_request_is_described_by_what_its_route_takes():
    described = json.loads(COMMITTED.read_bytes())
    bodies = {name: shape for path in described["paths"].values() for way in path.values()
              for name, shape in _body_of(way, described)}  # fmt: skip
    assert set(bodies["YesGiven"]["properties"]) == {"digest"}, "an answer of the same name would have taken its place"
    assert [name for name, shape in bodies.items() if '"example' not in json.dumps(shape)] == []


def _body_of(operation: dict[str, Any], described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    names = re.findall("#/components/schemas/([A-Za-z]+)", json.dumps(content))
    return [(name, described["components"]["schemas"][name]) for name in names]
