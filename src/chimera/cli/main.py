"""Puts all commands together. Knows no command's inside; `start` opens a single one faster."""

from __future__ import annotations

from chimera.cli import (
    agent,
    api,
    audit,
    badge,
    bench,
    budget,
    campaign,
    chronicle,
    connector,
    demo,
    discover,
    gateway,
    guard,
    learn,
    ledger,
    memory,
    models,
    operate,
    people,
    policy,
    preferences,
    privacy,
    processes,
    rehearse,
    retelling,
    returns,
    review,
    skill,
    spec,
    spend,
    spent,
    store,
    task,
    tools,
    top,
    trends,
    vault,
    wallet,
)
from chimera.cli.rooms import new_app
from chimera.cli.start import main

app = new_app()
app.add_typer(agent.app)
app.add_typer(api.app)
app.add_typer(spec.app)
app.add_typer(store.app)
app.add_typer(discover.app)
app.add_typer(skill.app)
app.add_typer(bench.app)
app.add_typer(audit.app)
app.add_typer(review.app)
app.add_typer(guard.app)
app.add_typer(privacy.app)
app.add_typer(policy.app)
app.add_typer(learn.app)
app.add_typer(models.app)
app.add_typer(memory.app)
app.add_typer(campaign.app)
app.add_typer(task.app)
app.add_typer(tools.app)
app.add_typer(connector.app)
app.add_typer(gateway.app)
app.add_typer(people.app)
app.add_typer(vault.app)
app.add_typer(wallet.app)
app.add_typer(budget.app)
app.add_typer(spend.app)
app.add_typer(ledger.app)
for shown in (badge.key, badge.badge, badge.recognise):
    agent.app.command()(shown)
spec.app.command("trace")(retelling.trace)
gateway.app.command("workers")(processes.gateway_workers)
vault.app.command("serve")(processes.vault_serve)
spend.app.command("costs")(returns.costs)
spend.app.command("task")(spent.task)
spend.app.command("tasks")(spent.tasks)
app.command("chronicle")(chronicle.write)
learn.app.command("compare")(preferences.compare)
learn.app.command("train")(preferences.train)
learn.app.command("export")(preferences.export)
for command in (
    operate.up,
    demo.demo,
    rehearse.rehearse,
    operate.feed,
    operate.halt,
    operate.pause,
    operate.resume,
    operate.doctor,
    processes.office,
    processes.manager,
    processes.worker,
    processes.effects,
    retelling.replay,
    top.top,
    trends.trends,
):
    app.command()(command)
for command in (people.login, people.logout, people.whoami):
    app.command()(command)


if __name__ == "__main__":
    main()
