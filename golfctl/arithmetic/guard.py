"""The guard: within it, torch runs no operation that is not on the checked list.

It sees what torch's own functions are made of, in the thread that entered it; numpy and compiled code it does not see.
"""

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from golfctl.arithmetic.checked_ops import CHECKED
from golfctl.errors import UsageError

_UNKNOWN = object()
_CONDITIONS = {id(operation): condition for operation, condition in CHECKED.items()}
"""By identity: an operation's own hash is computed in Python, at each call. `CHECKED` keeps the operations alive."""


class Guard(TorchDispatchMode):
    """A context in which an operation whose bits depend on the machine is an error."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """torch asks this; its answer spares a wrapper that doubles the price, and that nothing compiled here needs."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run the operation, if it is exact.

        Raises:
            UsageError: it is not; the message names it.
        """
        kwargs = kwargs or {}
        condition: Any = _CONDITIONS.get(id(func), _UNKNOWN)
        if condition is not None and (condition is _UNKNOWN or not condition(args, kwargs)):
            raise UsageError(
                f"portable arithmetic met torch's {func}, whose bits depend on the machine"
                f"{'' if condition is _UNKNOWN else ' when it is used in this way'}: a part of this model or "
                "scorer has no portable form; leave portable arithmetic"
            )
        return func(*args, **kwargs)
