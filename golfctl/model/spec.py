"""ModelSpec: the config tree of a whole network, from `[model]` of a recipe to the artifact's manifest."""

from typing import Annotated, Any, Protocol, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny, model_validator
from pydantic_core import CoreSchema

from golfctl.core.config import Config
from golfctl.errors import ConfigError
from golfctl.model.config import (
    AttentionConfig,
    EmbeddingConfig,
    FeedForwardConfig,
    HeadConfig,
    InitConfig,
    PathsConfig,
    RecurrenceConfig,
    ResidualConfig,
)
from golfctl.model.table import CORE, PARTS, PATHS
from golfctl.model.weights.weight import Weight


def _read_parts(value: Any) -> Any:
    """Each part's table as that part's config; unknown parts and keys are errors with a suggestion."""
    if not isinstance(value, dict):
        return value
    return {name: _read_part(name, options) for name, options in value.items()}


def _read_part(name: str, options: Any) -> Config:
    config = PARTS.find(name, ConfigError).Config
    if isinstance(options, config):
        return options
    if not isinstance(options, dict):
        raise ConfigError(f"model.parts.{name}: expected a table of options, found {options!r}")
    return config.from_dict(options, f"model.parts.{name}")


class _PartsSchema:
    """JSON schema of the parts: one property per row of the table."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        properties = {name: PARTS[name].Config.model_json_schema() for name in PARTS}
        return {"type": "object", "properties": properties, "additionalProperties": False, "default": {}}


Parts = Annotated[dict[str, SerializeAsAny[Config]], BeforeValidator(_read_parts), _PartsSchema()]


class ModelSpec(Config):
    """Everything needed to build a network; the defaults are the naive baseline of 17,059,912 parameters."""

    vocab_size: int = Field(default=1024, ge=2, le=65536)
    layers: int = Field(default=9, ge=1, le=256)
    dim: int = Field(default=512, ge=2)
    """Width of the residual stream."""
    bos: int = Field(default=1, ge=0)
    """Token id that begins a document; only looked at by what stops at documents."""
    embedding: EmbeddingConfig = EmbeddingConfig()
    attention: AttentionConfig = AttentionConfig()
    feed_forward: FeedForwardConfig = FeedForwardConfig()
    residual: ResidualConfig = ResidualConfig()
    paths: PathsConfig = PathsConfig()
    recurrence: RecurrenceConfig | None = None
    head: HeadConfig = HeadConfig()
    init: InitConfig = InitConfig()
    parts: Parts = Field(default_factory=dict)

    @property
    def head_dim(self) -> int:
        """Dimensions of one attention head."""
        return self.dim // self.attention.heads

    @property
    def uses_bos(self) -> bool:
        """Whether `bos` matters: it must then be the tokenizer's."""
        return self.attention.documents or any(
            component.uses_bos(config) for component, config in components(self).values()
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.recurrence and self.recurrence.last >= self.layers:
            raise ConfigError(
                f"model.recurrence: last = {self.recurrence.last}, but the last of {self.layers} layers is "
                f"{self.layers - 1}"
            )
        for component, config in components(self).values():
            component.check(config, self)
        if self.uses_bos and self.bos >= self.vocab_size:
            raise ConfigError(f"model.bos: {self.bos} is not a token of a vocabulary of {self.vocab_size}")
        return self


class ComponentType(Protocol):
    """What the spec asks of a component's class; `golfctl.model.component.Component` has it all."""

    Config: type[Config]

    def __call__(self, config: Any, spec: ModelSpec) -> Any:
        """The component itself, its weights allocated."""

    def declare(self, config: Any, spec: ModelSpec) -> list[Weight]:
        """Every weight under `config`."""

    def check(self, config: Any, spec: ModelSpec) -> None:
        """Raise `ConfigError` where `config` contradicts the rest of the model."""

    def uses_bos(self, config: Any) -> bool:
        """Whether the component looks for the beginning of documents."""


def core_components(spec: ModelSpec) -> dict[str, tuple[ComponentType, Config]]:
    """The components every model has, with their configs, by name."""
    return {
        "embedding": (CORE["embedding"], spec.embedding),
        "attention": (CORE["attention"], spec.attention),
        "feed_forward": (CORE["feed_forward"], spec.feed_forward),
        "residual": (CORE["residual"], spec.residual),
        "skips": (CORE["skips"], spec.residual),
        "paths": (PATHS[spec.paths.form], spec.paths),
        "head": (CORE["head"], spec.head),
    }


def part_components(spec: ModelSpec) -> dict[str, tuple[ComponentType, Config]]:
    """The parts of this model, in the order of the table."""
    return {name: (PARTS[name], spec.parts[name]) for name in PARTS if name in spec.parts}


def components(spec: ModelSpec) -> dict[str, tuple[ComponentType, Config]]:
    """Every component of the model, core first."""
    return core_components(spec) | part_components(spec)


def declared_weights(spec: ModelSpec) -> tuple[Weight, ...]:
    """Every public tensor of the model, in the canonical order; nothing is allocated.

    Raises:
        ValueError: two components declare one name (a mistake of ours).
    """
    weights = [weight for component, config in components(spec).values() for weight in component.declare(config, spec)]
    if len({weight.name for weight in weights}) != len(weights):
        raise ValueError("two components declare a weight of one name")
    return tuple(weights)
