import pytest

from golfctl.auditing.rules import BUILTIN, Rules, load_rules
from golfctl.auditing.table import CHECKS
from golfctl.core.config import load_toml
from golfctl.errors import ConfigError, UsageError


def test_every_check_rests_on_a_rule_of_the_file_and_says_what_it_cannot_see():
    rules = load_rules()
    for name in CHECKS:
        check = CHECKS[name]
        assert check.id == name and check.limits and check.title
        assert rules.rule(check.rule).layer in ("rule", "ruling", "community")


def test_the_cap_is_decimal():
    limits = load_rules().limits
    assert limits.counted_bytes == 16_000_000 and 16 * 1024 * 1024 in limits.wrong_caps


def test_a_rules_file_of_ones_own(tmp_path):
    values = load_toml(BUILTIN / "parameter-golf.toml") | {"name": "mine", "version": 7}
    assert Rules.from_dict(values).identity == "mine/7"
    values["rules"] = [values["rules"][0], values["rules"][0]]
    with pytest.raises(ConfigError, match="stands twice"):
        Rules.from_dict(values)


def test_a_rule_that_checks_rest_on_is_missed_before_anything_runs(tmp_path):
    from golfctl.auditing.plan import Plan
    from golfctl.auditing.run import run_audit
    from golfctl.auditing.subject import AuditContext, Subject
    from golfctl.submission.check import check_submission

    values = load_toml(BUILTIN / "parameter-golf.toml")
    values["rules"] = [rule for rule in values["rules"] if rule["id"] not in ("R6", "R11")]
    rules = Rules.from_dict(values)
    with pytest.raises(ConfigError, match="lack R6"):
        run_audit(Subject("nothing"), AuditContext(Plan(), rules))
    assert run_audit(Subject("nothing"), AuditContext(Plan(), rules), only=["T1"]).findings
    with pytest.raises(ConfigError, match="lack R11"):
        check_submission(tmp_path, rules)


def test_unknown_rules_say_what_there_is():
    with pytest.raises(UsageError, match="parameter-golf"):
        load_rules("nonesuch")
    with pytest.raises(ConfigError, match="no rule 'C9'"):
        load_rules().rule("C9")


def test_nothing_that_is_printed_calls_anything_legal():
    """Checks measure; who is in the right is not theirs to say."""
    from golfctl.auditing.toys.table import TOYS
    from golfctl.submission.table import LINTS

    said = [text for table in (CHECKS, LINTS) for name in table for text in (table[name].title, table[name].limits)]
    said += [rule.text for rule in load_rules().rules] + [toy.name for toy in TOYS]
    said += [path.read_text(encoding="utf-8") for path in BUILTIN.parent.rglob("*.py")]
    said += [path.read_text(encoding="utf-8") for path in (BUILTIN.parents[1] / "cli").glob("*audit*.py")]
    assert len(said) > 100 and not [text for text in said if "legal" in text.lower()]
