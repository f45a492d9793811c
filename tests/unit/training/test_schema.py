import pytest
from jsonschema import Draft202012Validator, ValidationError

from golfctl.training.forecast import forecast
from golfctl.training.meters.doctor import examine
from golfctl.training.schema import doctor_schema, forecast_schema, train_schema

RESULT = {
    "run": "runs/a", "checkpoint": "c", "step": 1, "tokens": 2, "seconds": 0.5, "warmup_seconds": 0.1, "loss": None,
    "held_out": {"loss": 1.0, "bpb_billed": 0.5, "tokens": 9}, "mfu": 0.4, "mfu_basis": "a peak",
}  # fmt: skip


def test_documents_fit_their_schemas(tiny_recipe, dataset_path):
    Draft202012Validator(train_schema()).validate(RESULT)
    Draft202012Validator(forecast_schema()).validate(forecast(tiny_recipe(), dataset_path, "cpu").to_dict())
    findings = [finding._asdict() for finding in examine("cpu")]
    Draft202012Validator(doctor_schema()).validate({"findings": findings})


@pytest.mark.parametrize("change", [{"step": -1}, {"loss": "low"}, {"more": 1}])
def test_other_documents_do_not(change):
    with pytest.raises(ValidationError):
        Draft202012Validator(train_schema()).validate(RESULT | change)
