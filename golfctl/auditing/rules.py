"""The rules of a contest as a versioned file: limits, margins, data constants, and what each rule rests on."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from golfctl.core.config import Config, load_toml
from golfctl.core.table import suggestion
from golfctl.errors import ConfigError, UsageError

BUILTIN = Path(__file__).parent / "rules"


class Limits(Config):
    """What a submission may use. Bytes are decimal."""

    counted_bytes: int = Field(gt=0)
    near_bytes: int = Field(default=0, ge=0, description="warn when closer to the cap than this")
    training_seconds: float = Field(gt=0)
    evaluation_seconds: float = Field(gt=0)
    evaluation_warn_seconds: float = Field(gt=0)
    wrong_caps: tuple[int, ...] = Field(default=(), description="numbers that people mistake for the cap")


class Counting(Config):
    """Which bytes count."""

    code: bool = True
    tokenizer: bool = True


class Claim(Config):
    """What a record has to show."""

    margin_nats: float = Field(ge=0)
    p_value: float = Field(gt=0, lt=1)
    seeds: int = Field(ge=1)
    tolerance_bpb: float = Field(gt=0, description="a claim may differ from its logs by rounding only")


class DataSet(Config):
    """Known facts of an official validation text; bytes a range where sources differ by the end-of-text newline."""

    name: str
    tokens: int = Field(gt=0)
    bytes_low: int = Field(gt=0)
    bytes_high: int = Field(gt=0)
    bytes_per_token: float = Field(gt=0)
    text_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="of all its documents, one right after the other"
    )


class Fingerprint(Config):
    """A bytes-per-token ratio that betrays a known accounting bug."""

    name: str
    bytes_per_token: float = Field(gt=0)
    source: str


class Rule(Config):
    """One rule: who said it decides how much a finding weighs."""

    id: str = Field(pattern=r"^[A-Z][0-9]+[a-z]?$")
    layer: Literal["rule", "ruling", "community"]
    text: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Rules(Config):
    """A rules file."""

    schema_version: Literal[1]
    name: str
    version: int = Field(ge=1)
    source: str
    limits: Limits
    counting: Counting = Counting()
    claim: Claim
    data: tuple[DataSet, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    submission_files: tuple[str, ...] = ()
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _unique(self) -> "Rules":
        ids = [rule.id for rule in self.rules]
        doubled = sorted({i for i in ids if ids.count(i) > 1})
        if doubled:
            raise ValueError(f"rule {doubled[0]!r} stands twice")
        return self

    @property
    def identity(self) -> str:
        """`name/version`, printed in every report."""
        return f"{self.name}/{self.version}"

    @property
    def known_texts(self) -> dict[str, str]:
        """Names of the texts whose digest is known, by that digest."""
        return {data.text_sha256: data.name for data in self.data if data.text_sha256 is not None}

    def rule(self, identifier: str) -> Rule:
        """The rule of that id.

        Raises:
            ConfigError: the rules file has no such rule, so a finding would rest on nothing.
        """
        for rule in self.rules:
            if rule.id == identifier:
                return rule
        known = [rule.id for rule in self.rules]
        raise ConfigError(f"rules {self.identity} name no rule {identifier!r}{suggestion(identifier, known)}")


def load_rules(name_or_path: str = "parameter-golf") -> Rules:
    """A built-in rules file by name, or any other by path.

    Raises:
        UsageError: no built-in of that name and no such file. ConfigError: the file breaks the schema.
    """
    path = BUILTIN / f"{name_or_path}.toml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        known = sorted(p.stem for p in BUILTIN.glob("*.toml"))
        raise UsageError(f"no rules {name_or_path!r}: give a file or a built-in name ({', '.join(known)})")
    return Rules.from_dict(load_toml(path), str(path))


def check_rules_complete(rules: Rules, needed: tuple[str, ...]) -> None:
    """Every id in `needed` must be named by the rules; raises ConfigError with the missing ones."""
    missing = sorted(set(needed) - {rule.id for rule in rules.rules})
    if missing:
        raise ConfigError(f"rules {rules.identity} lack {', '.join(missing)}, on which checks rest")
