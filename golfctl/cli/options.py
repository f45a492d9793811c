"""Options that several commands share, written once."""

from typing import Any

import click

Decorator = Any

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
quiet_option: Decorator = click.option("--quiet", is_flag=True, help="No progress on stderr.")
set_option: Decorator = click.option(
    "--set", "overrides", multiple=True, metavar="A.B=V", help="Override one recipe value; may be repeated."
)
device_option: Decorator = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:N, mps, or auto."
)
