"""Every public JSON document: `name/version` of its schema, the function that makes it, one line of what it is.

To add one: a function that returns the JSON Schema, a row here, then `golfctl schema NAME > schemas/NAME-V.json`.
A schema file that was released never changes: a changed document is a new version (`tests/unit/cli/test_schemas.py`).
"""

import json
from pathlib import Path
from typing import Any

import golfctl
from golfctl.core.table import Table

SCHEMAS = Table(
    "schema",
    {
        "error/1": "golfctl.cli.reply:error_schema",
        "manifest/1": "golfctl.artifact.manifest.schema:manifest_schema",
        "inspect/1": "golfctl.inspection.schema:inspect_schema",
        "inspect-set/1": "golfctl.inspection.schema:set_schema",
        "inspect-diff/1": "golfctl.inspection.schema:diff_schema",
        "ledger/1": "golfctl.inspection.schema:ledger_schema",
        "journal/1": "golfctl.core.schema:journal_schema",
        "recipe/1": "golfctl.cli.recipe_schema:recipe_schema",
        "recipe-list/1": "golfctl.cli.recipe_schema:recipe_list_schema",
        "dataset/1": "golfctl.data.reports:dataset_schema",
        "data-report/1": "golfctl.data.reports:report_schema",
        "data-tokenizer/1": "golfctl.data.reports:tokenizer_schema",
        "data-verify/1": "golfctl.data.reports:verify_schema",
        "train/1": "golfctl.training.schema:train_schema",
        "train-forecast/1": "golfctl.training.schema:forecast_schema",
        "doctor/1": "golfctl.training.schema:doctor_schema",
        "pack-report/1": "golfctl.packing.schema:pack_report_schema",
        "pack-spread/1": "golfctl.packing.schema:pack_spread_schema",
        "eval-report/1": "golfctl.evaluation.schema:eval_report_schema",
        "eval-estimate/1": "golfctl.evaluation.schema:eval_estimate_schema",
        "audit/1": "golfctl.auditing.schema:audit_schema",
        "compress/1": "golfctl.codec.text_report_schema:compress_schema",
        "decompress/1": "golfctl.codec.text_report_schema:decompress_schema",
        "generate/1": "golfctl.codec.text_report_schema:generate_schema",
        "comparison/1": "golfctl.auditing.schema:comparison_schema",
        "rules/1": "golfctl.auditing.schema:rules_schema",
    },
)
_FILES = Path(golfctl.__file__).parent / "schemas"


def file_name(schema_id: str) -> str:
    """Name of the schema's file in `schemas/`."""
    return f"{schema_id.replace('/', '-')}.json"


def schema_of(schema_id: str) -> dict[str, Any]:
    """The JSON Schema called `schema_id`; a name without a version gets the newest one.

    Raises:
        UsageError: there is none of that name.
    """
    versions = sorted(
        (key for key in SCHEMAS if key.split("/")[0] == schema_id), key=lambda key: int(key.split("/")[1])
    )
    name = versions[-1] if versions else schema_id
    try:
        schema: dict[str, Any] = SCHEMAS.find(name)()
    except ModuleNotFoundError:  # a light install: the file that a test holds against the function
        schema = json.loads((_FILES / file_name(name)).read_text(encoding="utf-8"))
    return schema
