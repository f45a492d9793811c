"""Reads the pickles that `torch.save` writes without ever running them.

A pickle is a program for a stack machine. This machine knows the instructions that build numbers, text, lists, dicts
and tuples, and a fixed list of names, each with a meaning of its own here. It imports nothing and calls nothing
from the file; any other name or instruction is an error that says what the file asked for.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from golfctl.errors import CheckpointError

_MOST_STEPS = 5_000_000
_MOST_MEMO = 1 << 24


class Name(NamedTuple):
    """A global the file refers to, as text; never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Persistent(NamedTuple):
    """A reference to something stored outside the pickle, such as a tensor's storage."""

    key: Any


Build = Callable[..., Any]


class _Mark:
    pass


_MARK = _Mark()


class Machine:
    """Interprets pickles; `calls` gives the meaning of the names that may be called, `names` those that may be held."""

    def __init__(self, data: bytes, where: str, calls: dict[str, Build], names: Callable[[Name], bool]) -> None:
        self.data, self.at, self.where = data, 0, where
        self._calls, self._names = calls, names

    def load(self) -> Any:
        """The next object; `at` is then the byte after it.

        Raises:
            CheckpointError: truncated, malformed, or asking for anything that is not on the list.
        """
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        try:
            for _ in range(_MOST_STEPS):
                code = self._take(1)[0]
                if code == 0x2E:  # STOP
                    (result,) = self._stack
                    return result
                self._step(code)
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise self._bad(f"malformed pickle ({type(error).__name__}: {error})") from error
        raise self._bad("the pickle is longer than any checkpoint's")

    def _bad(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.where}: byte {self.at} of the pickle: {what}")

    def _take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if count < 0 or len(piece) < count:
            raise self._bad("truncated")
        self.at += count
        return piece

    def _number(self, form: str) -> int:
        value: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _line(self) -> str:
        end = self.data.index(b"\n", self.at)
        return self._take(end + 1 - self.at)[:-1].decode("utf-8")

    def _text(self, form: str) -> str:
        return self._take(self._number(form)).decode("utf-8", "surrogatepass")

    def _items(self) -> list[Any]:
        """What was pushed since the last mark."""
        mark = len(self._stack) - 1
        while self._stack[mark] is not _MARK:
            mark -= 1
            if mark < 0:
                raise self._bad("no mark on the stack")
        items = self._stack[mark + 1 :]
        del self._stack[mark:]
        return items

    def _step(self, code: int) -> None:
        if code in _PUSH:
            self._stack.append(_PUSH[code](self))
        elif code in _ACT:
            _ACT[code](self)
        else:
            raise self._bad(f"instruction 0x{code:02x} is not one that tensors need; nothing was run")

    def _global(self, module: str, name: str) -> Name:
        found = Name(module, name)
        if str(found) not in self._calls and not self._names(found):
            raise self._bad(f"the file asks for {found}, which no checkpoint of tensors needs; nothing was run")
        return found

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, Name) or str(function) not in self._calls or not isinstance(arguments, tuple):
            raise self._bad(f"the file asks to call {function!r}; nothing was run")
        self._stack.append(self._calls[str(function)](*arguments))

    def _build(self) -> None:
        """Attributes set on a dict (a state dict's metadata) carry no tensors; on anything else they are refused."""
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise self._bad("the file sets attributes of something that is no dict; nothing was run")

    def _put(self, place: int) -> None:
        if not 0 <= place < _MOST_MEMO:
            raise self._bad("memo index out of range")
        self._memo[place] = self._stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise self._bad("items set on something that is no dict")
        target.update(zip(items[::2], items[1::2], strict=True))

    def _append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise self._bad("items appended to something that is no list")
        self._stack[-1].extend(items)


def _tuple_of(count: int) -> Callable[[Machine], Any]:
    def make(m: Machine) -> Any:
        return tuple([m._stack.pop() for _ in range(count)][::-1])

    return make


def _stack_global(m: Machine) -> Name:
    name, module = m._stack.pop(), m._stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise ValueError("a name that is no text")
    return m._global(module, name)


def _protocol(m: Machine) -> None:
    version = m._number("<B")
    if not 2 <= version <= 5:
        raise m._bad(f"pickle protocol {version} is not read here")


def _frame(m: Machine) -> None:
    m._take(8)  # a length that only speeds up reading


def _long(m: Machine) -> int:
    return int.from_bytes(m._take(m._number("<B")), "little", signed=True)


# Instructions that push one value, by code (names as in the pickle documentation).
_PUSH: dict[int, Callable[[Machine], Any]] = {
    0x28: lambda m: _MARK,  # MARK
    0x29: lambda m: (),  # EMPTY_TUPLE
    0x47: lambda m: struct.unpack(">d", m._take(8))[0],  # BINFLOAT
    0x4A: lambda m: m._number("<i"),  # BININT
    0x4B: lambda m: m._number("<B"),  # BININT1
    0x4D: lambda m: m._number("<H"),  # BININT2
    0x4E: lambda m: None,  # NONE
    0x51: lambda m: Persistent(m._stack.pop()),  # BINPERSID
    0x54: lambda m: m._take(m._number("<i")).decode("latin-1"),  # BINSTRING
    0x55: lambda m: m._take(m._number("<B")).decode("latin-1"),  # SHORT_BINSTRING
    0x42: lambda m: m._take(m._number("<I")),  # BINBYTES
    0x43: lambda m: m._take(m._number("<B")),  # SHORT_BINBYTES
    0x58: lambda m: m._text("<I"),  # BINUNICODE
    0x8C: lambda m: m._text("<B"),  # SHORT_BINUNICODE
    0x5D: lambda m: [],  # EMPTY_LIST
    0x7D: lambda m: {},  # EMPTY_DICT
    0x63: lambda m: m._global(m._line(), m._line()),  # GLOBAL
    0x93: _stack_global,  # STACK_GLOBAL
    0x68: lambda m: m._memo[m._number("<B")],  # BINGET
    0x6A: lambda m: m._memo[m._number("<I")],  # LONG_BINGET
    0x74: lambda m: tuple(m._items()),  # TUPLE
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    0x88: lambda m: True,  # NEWTRUE
    0x89: lambda m: False,  # NEWFALSE
    0x8A: _long,  # LONG1
}

# Instructions that act on what is there.
_ACT: dict[int, Callable[[Machine], None]] = {
    0x80: _protocol,  # PROTO
    0x95: _frame,  # FRAME
    0x52: Machine._reduce,  # REDUCE
    0x62: Machine._build,  # BUILD
    0x71: lambda m: m._put(m._number("<B")),  # BINPUT
    0x72: lambda m: m._put(m._number("<I")),  # LONG_BINPUT
    0x94: lambda m: m._put(len(m._memo)),  # MEMOIZE
    0x73: lambda m: m._set_items([m._stack.pop(), m._stack.pop()][::-1]),  # SETITEM
    0x75: lambda m: m._set_items(m._items()),  # SETITEMS
    0x61: lambda m: m._append([m._stack.pop()]),  # APPEND
    0x65: lambda m: m._append(m._items()),  # APPENDS
}
