import json

from golfctl.cli.main import exit_code_of


def test_doctor_prints_findings_for_people_and_machines(capsys):
    assert exit_code_of(["doctor", "--device", "cpu", "--json"]) == 0
    names = {finding["name"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"processor", "training device", "C++ compiler"} <= names
    assert exit_code_of(["doctor", "--device", "cpu"]) == 0
    assert "training device" in capsys.readouterr().out
