"""Checks what deploys us, as far as a machine without Docker, helm or a cluster can. Reads files; starts nothing.

Every YAML file is well formed; Compose and the chart know the roles of DESIGN §6 and what each may not have.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy" / "helm" / "chimera"
ROLES = {"api", "manager", "worker", "gateway", "effects"}
# The only writer of its name in the database: the next one fences it.
SINGLE = {"api", "effects"}
REPLICAS_MIN = 2  # a node may go
NODES = {"staging": 3, "production": 10}


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8"))


def malformed() -> Iterator[str]:
    # Templates are not YAML until helm has rendered them.
    paths = [*ROOT.glob("deploy/**/*.yaml"), *ROOT.glob(".github/**/*.yml"), *ROOT.glob(".pre-commit-config.yaml")]
    for path in (path for path in paths if path.parent.name != "templates"):
        try:
            load(path)
        except yaml.YAMLError as error:
            yield f"{path.relative_to(ROOT)}: {error}"


def chart_faults(values: dict[str, Any]) -> Iterator[str]:
    roles = values["roles"]
    if set(roles) != ROLES:
        yield f"values.yaml has roles {sorted(roles)}, DESIGN §6 has {sorted(ROLES)}"
    worker = roles.get("worker", {})
    yield from (
        f"values.yaml gives the worker {key}" for key in ("database", "secret", "vault", "world") if worker.get(key)
    )
    if [role for role, holds in roles.items() if holds.get("secret") == "platforms"] != ["effects"]:
        yield "values.yaml: platform credentials are for effects alone"
    if {role for role, holds in roles.items() if holds.get("single")} != SINGLE:
        yield f"values.yaml: {sorted(SINGLE)} are single, and nothing else is"


def stage_faults(stage: str, values: dict[str, Any], stage_values: dict[str, Any]) -> Iterator[str]:
    for key in stage_values:
        if key not in values:
            yield f"values-{stage}.yaml sets {key}, which the chart does not know"
    sizes = {role: is_["replicas"] for role, is_ in stage_values["roles"].items()}
    least = min(size for role, size in sizes.items() if role not in SINGLE)
    if set(sizes) != ROLES or least < REPLICAS_MIN or sum(sizes.values()) < NODES[stage]:
        yield f"values-{stage}.yaml: what may be is there twice, no fewer pods than {NODES[stage]} nodes; not {sizes}"
    yield from (
        f"values-{stage}.yaml: of {role} there is one at a time, and nothing scales it"
        for role, is_ in stage_values["roles"].items()
        if role in SINGLE and (is_["replicas"] != 1 or is_.get("autoscale"))
    )
    if {**values["vault"], **stage_values.get("vault", {})}["replicas"] != 1:
        yield f"values-{stage}.yaml: a second vault would have caps and a halt of its own"


def compose_faults(services: dict[str, Any]) -> Iterator[str]:
    missing = (ROLES | {"up", "vault"}) - set(services)
    yield from (f"compose.yaml has no service {name}" for name in sorted(missing))
    reach = {name: set(service.get("networks", [])) for name, service in services.items()}
    yield from (
        f"compose.yaml: the {name} reaches the database" for name in ("worker", "vault") if "data" in reach[name]
    )


def faults() -> Iterator[str]:
    broken = list(malformed())
    if broken:
        yield from broken
        return
    values = load(CHART / "values.yaml")
    yield from chart_faults(values)
    for stage in NODES:
        yield from stage_faults(stage, values, load(CHART / f"values-{stage}.yaml"))
    yield from compose_faults(load(ROOT / "deploy" / "compose.yaml")["services"])


if __name__ == "__main__":
    found = list(faults())
    print("\n".join(found) or "deploy: well formed; roles agree with DESIGN §6 (not rendered: that needs helm)")
    sys.exit(bool(found))
