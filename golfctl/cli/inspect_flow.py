"""What `golfctl inspect` does with each artifact, and how the outcomes of one or several are given."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from golfctl.artifact import Budget, check_budget, ledger_of, open_artifact
from golfctl.cli.reply import error_document
from golfctl.cli.views.bars import reporter
from golfctl.cli.views.github import annotation
from golfctl.cli.views.inspect_text import change_line, size_line
from golfctl.core.text import one_line
from golfctl.errors import ArtifactError, BudgetError, DependencyError, GolfError, InputError
from golfctl.inspection.difference import SCHEMA as DIFF_SCHEMA
from golfctl.inspection.difference import diff_reports
from golfctl.inspection.external import count_files
from golfctl.inspection.report import SET_SCHEMA, build_report

if TYPE_CHECKING:
    from golfctl.artifact import Artifact

Json = dict[str, Any]


class Look(NamedTuple):
    """How artifacts are looked at."""

    budget: Budget | None = None
    counted: tuple[Path, ...] = ()
    verify: bool = False
    entropy: bool = False
    quiet: bool = False


class Outcome(NamedTuple):
    """What came of one artifact: its report, the failure, or both for one over its budget."""

    path: Path
    report: Json | None
    error: GolfError | None = None

    @property
    def message(self) -> str:
        """The failure in one line that names the artifact."""
        text, name = str(self.error), str(self.path)
        return text if name in text else f"{name}: {text}"

    @property
    def document(self) -> Json:
        """The report, or the failure, for machines."""
        if self.report is not None:
            return self.report
        assert self.error is not None
        return error_document(self.message, self.exit_code, {"path": str(self.path), **self.error.details})

    @property
    def exit_code(self) -> int:
        """0, or that of the failure."""
        return 0 if self.error is None else self.error.exit_code


def inspected(path: Path, look: Look) -> Outcome:
    """The report of an artifact, held against the budget."""

    def report() -> tuple[Json, GolfError | None]:
        artifact, verified = _verified(open_artifact(path), look)
        ledger = count_files(ledger_of(artifact), artifact.manifest.external, look.counted)
        found = build_report(artifact, ledger, look.budget) | {"verified": verified}
        if look.entropy:
            from golfctl.inspection.entropy import add_entropy, tensor_entropies

            add_entropy(found, tensor_entropies(artifact, reporter(look.quiet)))
        try:
            if look.budget is not None:
                check_budget(ledger, look.budget)
        except BudgetError as error:
            return found, error
        return found, None

    return _outcome(path, report)


def compared(path: Path, older: "Callable[[], Artifact | None]", look: Look) -> Outcome:
    """What changed from the artifact that `older` reads to the one at `path`."""

    def difference() -> tuple[Json, None]:
        before, after = older(), open_artifact(path)
        return diff_reports(None if before is None else _plain_report(before, look), _plain_report(after, look)), None

    return _outcome(path, difference)


def as_document(outcomes: Sequence[Outcome]) -> Json:
    """One artifact's document, or the set of several."""
    if len(outcomes) == 1:
        return outcomes[0].document
    documents = [outcome.document for outcome in outcomes]
    return {"schema": SET_SCHEMA, "exit_code": worst(outcomes), "artifacts": documents}


def as_text(outcomes: Sequence[Outcome]) -> str:
    """The whole reports; failures are on stderr."""
    from golfctl.cli.views.inspect_text import diff_text, report_text

    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    return "\n\n\n".join(diff_text(found) if _is_diff(found) else report_text(found) for found in reports)


def as_lines(outcomes: Sequence[Outcome]) -> str:
    """A line for each artifact that holds; failures are on stderr."""
    return "\n".join(f"golfctl: {size_of(outcome)}" for outcome in outcomes if outcome.error is None)


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """A section for each artifact; several begin with a table of all."""
    from golfctl.cli.views.inspect_markdown import diff_markdown, overview, report_markdown
    from golfctl.cli.views.markdown import failure

    blocks = []
    reports = [outcome.report for outcome in outcomes]
    if len(outcomes) > 1 and not any(report and _is_diff(report) for report in reports):
        blocks.append(overview(reports, [str(outcome.path) for outcome in outcomes]))
    for outcome in outcomes:
        if outcome.report is not None:
            blocks.append((diff_markdown if _is_diff(outcome.report) else report_markdown)(outcome.report))
        if outcome.error is not None:
            blocks.append(failure(outcome.message))
    return "\n\n".join(blocks)


def as_annotations(outcomes: Sequence[Outcome]) -> str:
    """A notice with the size of each artifact that holds, an error for each other."""
    lines = []
    for outcome in outcomes:
        level, message = ("notice", size_of(outcome)) if outcome.error is None else ("error", outcome.message)
        lines.append(annotation(level, message, str(outcome.path)))
    return "\n".join(lines)


FORMS = {"text": as_text, "short": as_lines, "markdown": as_markdown, "github": as_annotations}


def size_of(outcome: Outcome) -> str:
    """One line: the bytes of an artifact, its budget and what is left; or the bytes that changed."""
    assert outcome.report is not None
    line = change_line(outcome.report) if _is_diff(outcome.report) else size_line(outcome.report)
    return f"{one_line(str(outcome.path))}: {line}"


def worst(outcomes: Sequence[Outcome]) -> int:
    """The highest exit code."""
    return max(outcome.exit_code for outcome in outcomes)


def _outcome(path: Path, make: Callable[[], tuple[Json, GolfError | None]]) -> Outcome:
    try:
        return Outcome(path, *make())
    except (InputError, ArtifactError, DependencyError) as error:
        return Outcome(path, None, error)


def _plain_report(artifact: "Artifact", look: Look) -> Json:
    artifact, verified = _verified(artifact, look)
    return build_report(artifact, ledger_of(artifact), None) | {"verified": verified}


def _verified(artifact: "Artifact", look: Look) -> "tuple[Artifact, Json]":
    """The artifact and what was verified."""
    decoded = None
    if look.verify:
        from golfctl.inspection.verify import verify_payloads

        decoded = verify_payloads(artifact, reporter(look.quiet))
    return artifact, {"digests": True, "payloads": True if look.verify else None, "decoded_bytes": decoded}


def _is_diff(report: Json) -> bool:
    return bool(report["schema"] == DIFF_SCHEMA)
