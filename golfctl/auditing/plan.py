"""How hard an audit probes: counts, lengths and the seed, all of them in the report."""

from pydantic import Field, model_validator

from golfctl.core.config import Config


class Plan(Config):
    """Sizes are in tokens. `seed` should be chosen after the artifact is sealed; 0 answers: the whole vocabulary."""

    seed: int = Field(default=0, ge=0)
    text_tokens: int = Field(default=640, ge=16)
    cuts: int = Field(default=60, ge=1)
    truncations: int = Field(default=4, ge=1)
    mass_positions: int = Field(default=8, ge=1)
    mass_answers: int = Field(default=0, ge=0)
    mass_tokens: int = Field(default=192, ge=8, description="the part of the text in which masses are probed")
    source_texts: int = Field(default=4, ge=1)
    source_tokens: int = Field(default=1024, ge=16)
    uniform_tokens: int = Field(default=512, ge=16)
    shuffled_tokens: int = Field(default=512, ge=16)
    fresh_tokens: int = Field(default=4096, ge=192)
    fed_tokens: int = Field(default=128, ge=16)
    false_alarm: float = Field(default=0.001, gt=0, lt=1, description="probability of a false failure of one T12 row")

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        if self.cuts > self.text_tokens - 2:
            raise ValueError(f"{self.cuts} cuts need a text of at least {self.cuts + 2} tokens")
        if self.mass_tokens > self.text_tokens:
            raise ValueError("mass_tokens is part of the text and cannot exceed text_tokens")
        if self.mass_positions > self.mass_tokens - 2:
            raise ValueError(f"masses at {self.mass_positions} positions need more than {self.mass_tokens} tokens")
        return self
