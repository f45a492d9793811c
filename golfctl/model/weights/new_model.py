"""From a spec to a model: allocate, then initialise every public tensor from its own seed."""

import torch

from golfctl.model.network import LanguageModel
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.init import generator_for
from golfctl.model.weights.names import named_tensors


def empty_model(spec: ModelSpec) -> LanguageModel:
    """A model on the CPU whose weights hold anything: for `load_named_tensors`."""
    return LanguageModel(spec)


def build_model(spec: ModelSpec, seed: int) -> LanguageModel:
    """A model in fp32 on the CPU, initialised; equal specs and seeds give equal weights."""
    model = LanguageModel(spec)
    tensors = named_tensors(model)
    with torch.no_grad():
        for weight in model.declared:
            weight.init(tensors[weight.name], generator_for(seed, weight.name))
    return model
