"""`golfctl doctor`: what this machine has and what golfctl makes of it."""

import click

from golfctl.cli.options import device_option, json_option
from golfctl.cli.views.render import emit_json
from golfctl.cli.views.terminal import echo
from golfctl.core.text import one_line


@click.command("doctor", short_help="Show what this machine has, what golfctl will use, what is missing.")
@device_option
@json_option
def command(device: str, as_json: bool) -> None:
    """Look at processor, GPUs, torch, attention back ends, compilers and optional libraries; change nothing."""
    from golfctl.training.meters.doctor import examine

    findings = examine(device)
    if as_json:
        emit_json({"findings": [finding._asdict() for finding in findings]})
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        advice = f" ({finding.advice})" if finding.advice else ""
        echo(one_line(f"{finding.status:8}{finding.name:{width}}  {finding.found}{advice}"))
