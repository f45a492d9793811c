"""The parts a model can be given under `[model.parts.NAME]`. Rows stand in the order in which parts are applied."""

from golfctl.core.table import Table

PARTS = Table(
    "model part",
    {},
)
