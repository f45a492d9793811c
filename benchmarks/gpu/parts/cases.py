"""Models with inputs and the numbers to reach: those of the parity files, and our own on the CPU in float64.

The yardstick is the error of our plain formulas on the CPU in the same dtype: a device may be a small multiple of that
away from the truth; from a parity file in float32, by the file's tolerance more.

B sequences, T positions, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.gpu.options import ROOT, Options
from benchmarks.gpu.parts.paths import NotHere
from benchmarks.gpu.parts.references import Tensors, read, spec_of, under
from benchmarks.gpu.report import Report
from golfctl.core.recipe import Recipe
from golfctl.model.kernels.visible import segment_bounds
from golfctl.model.network import LanguageModel
from golfctl.model.spec import ModelSpec
from golfctl.model.weights.names import load_named_tensors, named_tensors
from golfctl.model.weights.new_model import build_model, empty_model

LOGITS, LOSS, GRADIENTS = 1e-5, 1e-6, 1e-5  # of a parity file in float32
LATER_LOSS = 5e-6  # of the files of PR #1394 and later
TIMES = {torch.float32: 4.0, torch.bfloat16: 2.0}  # how often the CPU's own error
FLOOR = {torch.float32: 2e-6, torch.bfloat16: 1e-3}  # relative; below it nothing is an error
RECIPES = ("pr549-mini", "pr761-mini", "pr1394-mini", "pr1855-mini")
FULL = ("pr549",)
DRY_FILES, DRY_RECIPES = ("model_pr549", "model_pr761"), ("pr1855-mini",)


class Numbers(NamedTuple):
    """What a pass leaves. `gradients` by public name."""

    logits_BTV: Tensor
    loss: float
    gradients: Tensors


@dataclass(frozen=True)
class Case:
    """`given`: the numbers of a parity file, if it is one; `tolerance`: of its loss in float32."""

    name: str
    spec: ModelSpec
    weights: Tensors
    ids_BT: Tensor
    targets_BT: Tensor
    given: Numbers | None = None
    tolerance: float = 0.0
    loops: int | None = None

    def model(self, device: str, dtype: torch.dtype, backend: str) -> LanguageModel:
        model = empty_model(self.spec)
        load_named_tensors(model, self.weights)
        model = model.double() if dtype == torch.float64 else model
        model.to(device).set_compute_dtype(dtype if dtype == torch.bfloat16 else None)
        model.backend = backend
        if self.loops is not None:
            model.set_loops(self.loops)
        return model

    def bounds(self, device: str) -> Tensor | None:
        """Where documents begin, for attention by segments."""
        if not self.spec.attention.documents:
            return None
        return segment_bounds(self.ids_BT, self.spec.bos).to(device)

    @cached_property
    def truth(self) -> Numbers:
        """Our plain formulas on the CPU in float64."""
        return numbers(self, self.model("cpu", torch.float64, "math"), "cpu")

    def yardstick(self, dtype: torch.dtype) -> Numbers:
        """The plain formulas on the CPU, computed once per dtype."""
        known: dict[torch.dtype, Numbers] = self.__dict__.setdefault("_yardsticks", {})
        if dtype not in known:
            known[dtype] = numbers(self, self.model("cpu", dtype, "math"), "cpu")
        return known[dtype]


def numbers(case: Case, model: LanguageModel, device: str, compiler: str | None = None) -> Numbers:
    """One forward and one backward pass; with a `compiler` the loss is one graph, as in training."""
    ids_BT, targets_BT, bounds = case.ids_BT.to(device), case.targets_BT.to(device), case.bounds(device)
    loss_of = model.loss
    if compiler:
        loss_of = torch.compile(model.loss, fullgraph=True, dynamic=False, backend=compiler)
    loss = loss_of(ids_BT, targets_BT, bounds=bounds)
    loss.backward()
    with torch.no_grad():
        logits_BTV = model(ids_BT)
    found: Tensors = {}
    for entry in model.layer_parameters():
        gradient = entry.parameter.grad
        if gradient is None:
            gradient = torch.zeros_like(entry.parameter)
        rows = gradient.unbind(0) if entry.banked else [gradient]
        found.update((name, row.detach().double().cpu()) for name, row in zip(entry.names, rows, strict=True))
    return Numbers(logits_BTV.double().cpu(), loss.item(), found)


def compare(report: Report, name: str, case: Case, found: Numbers, dtype: torch.dtype) -> None:
    """Checks of logits, loss and gradients against the case's numbers."""
    truth, near, times, floor = case.truth, case.yardstick(dtype), TIMES[dtype], FLOOR[dtype]
    if case.given is not None and dtype == torch.float32:
        own = times * _largest(near.logits_BTV - truth.logits_BTV)
        report.at_most(f"{name}: logits", _largest(found.logits_BTV - case.given.logits_BTV), LOGITS + own)
        own = times * abs(near.loss - truth.loss)
        report.at_most(f"{name}: loss", abs(found.loss - case.given.loss), case.tolerance + own)
        for key, slope in case.given.gradients.items():
            own = times * _share(near.gradients[key], truth.gradients[key])
            report.at_most(f"{name}: gradient of {key}", _share(found.gradients[key], slope), GRADIENTS + own)
        return
    spread = times * _rms(near.logits_BTV - truth.logits_BTV) + floor * _rms(truth.logits_BTV)
    report.at_most(f"{name}: logits", _rms(found.logits_BTV - truth.logits_BTV), spread, "root mean square")
    report.at_most(f"{name}: loss", abs(found.loss - truth.loss), spread)
    report.at_most(f"{name}: gradients", _apart(found, truth), times * _apart(near, truth) + floor,
                   "of all, relative Frobenius norm")  # fmt: skip


def _share(found: Tensor, wanted: Tensor) -> float:
    """The largest error over the largest entry."""
    return _largest(found - wanted) / _largest(wanted)


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max())


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().square().mean().sqrt())


def _apart(found: Numbers, truth: Numbers) -> float:
    errors = [float((found.gradients[name] - g).square().sum()) for name, g in truth.gradients.items()]
    sizes = [float(g.double().square().sum()) for g in truth.gradients.values()]
    return float((sum(errors) / sum(sizes)) ** 0.5)


def from_files(options: Options, report: Report) -> Iterator[Case]:
    """A case for every set of numbers in the `model_*` files of --parity; what we cannot build is named."""
    paths = sorted(options.parity.glob("model_*.safetensors"))
    report.holds(f"{options.parity.name} has files model_*.safetensors", bool(paths))
    if options.dry:
        paths = [path for path in paths if path.stem in DRY_FILES]
    for path in paths:
        facts, tensors = read(path)
        weights, slopes = under("weight", tensors), under("grad", tensors)
        try:
            spec = spec_of(facts["config"], weights)
        except NotHere as error:
            report.absent(path.stem, f"{error}")
            continue
        tolerance = LOSS if "bigram_vocab_size" in facts["config"] else LATER_LOSS
        for prefix in ("", "noloop/", "long/"):
            if f"{prefix}logits" not in tensors:
                continue
            own = tensors if f"{prefix}input_ids" in tensors else under_main(tensors, prefix)
            given = Numbers(tensors[f"{prefix}logits"].double(), float(tensors[f"{prefix}loss"]),
                            {name: g.double() for name, g in slopes.items()} if not prefix else {})  # fmt: skip
            yield Case(f"{path.stem}{' ' + prefix.strip('/') if prefix else ''}", spec, weights,
                       own[f"{prefix}input_ids"], own[f"{prefix}target_ids"], given, tolerance,
                       loops=0 if prefix == "noloop/" else None)  # fmt: skip


def under_main(tensors: Tensors, prefix: str) -> Tensors:
    """The main case's inputs under the names of another case that has none of its own."""
    return {f"{prefix}{name}": tensors[name] for name in ("input_ids", "target_ids")}


def from_recipes(options: Options) -> Iterator[Case]:
    """Models of recipes, no weight of them zero, on made-up tokens with several documents a row."""
    for name in DRY_RECIPES if options.dry else RECIPES + FULL:
        spec = Recipe.load(ROOT / "examples" / f"{name}.toml").read("model", ModelSpec)
        model = build_model(spec, 0)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
        shape = (1, 2049) if name in FULL else (2, 81 if options.dry else 385)
        ids_BN = torch.randint(2, spec.vocab_size, shape, generator=generator)
        ids_BN[:, 40], ids_BN[0, 77] = spec.bos, spec.bos
        weights = {key: tensor.clone() for key, tensor in named_tensors(model).items()}
        yield Case(f"recipe {name}", spec, weights, ids_BN[:, :-1], ids_BN[:, 1:])
