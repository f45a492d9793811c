"""Libraries that an install may lack: which extra brings each, and the one sentence that says so."""

import importlib.util
import sys

from golfctl.errors import DependencyError

# module: the extra of pyproject.toml that brings it
EXTRAS = {
    "torch": "train",
    "sentencepiece": "train",
    "numba": "train",
    "brotli": "brotli",
    "matplotlib": "plots",
    "huggingface_hub": "data",
    "pyarrow": "parquet",
    "pyppmd": "baselines",
    "bz3": "baselines",
}
_BUILDS = (
    "on Linux this brings torch for CUDA; for its CPU build, first the CPU line of https://pytorch.org/get-started"
)


def installed(module: str) -> bool:
    """Whether a module can be found; nothing is imported."""
    if module in sys.modules:
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def install_line(*modules: str) -> str:
    """What to type to get modules that are missing."""
    extras = dict.fromkeys(EXTRAS[module] for module in modules if module in EXTRAS)
    names = [f"'golfctl[{','.join(extras)}]'"] if extras else []
    names += [module for module in modules if module not in EXTRAS]
    line = f"pip install {' '.join(names)}"
    return f"{line} ({_BUILDS})" if "torch" in modules else line


def need(who: str, *modules: str) -> None:
    """Refuse before anything is done.

    Raises:
        DependencyError: a module is not installed.
    """
    missing = [module for module in modules if not installed(module)]
    if missing:
        raise DependencyError(f"{who} needs {', '.join(missing)}: {install_line(*missing)}")


def explained(error: ImportError) -> DependencyError | None:
    """What to tell a user about an import that failed; None where the module that is missing is our own."""
    module = (error.name or "").split(".")[0]
    if module in ("", "golfctl"):
        return None
    if isinstance(error, ModuleNotFoundError):
        return DependencyError(f"{module} is not installed: {install_line(module)}")
    return DependencyError(f"{module} is installed but does not load ({error}); install it again: pip install {module}")
