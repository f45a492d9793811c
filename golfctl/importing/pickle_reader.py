"""Reads the pickles that `torch.save` writes without ever running them.

A pickle is a program for a stack machine. This machine knows the instructions that build numbers, text, lists, dicts
and tuples, and a fixed list of names, each with a meaning of its own here. It imports nothing and calls nothing
from the file; any other name or instruction is an error that says what the file asked for.

Nothing here walks through a value: a pickle can nest a million tuples, or repeat one so often that walking it would
never end. So only plain values are keys of dicts (a hash or a comparison walks), and no message shows a value.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from golfctl.core.text import printable
from golfctl.errors import CheckpointError
from golfctl.importing import limits

Data = bytes | bytearray


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
_MOST_KEY = 1 << 60  # the hashes of integers below are all different: no file can make a dict slow


class Machine:
    """Interprets pickles; `calls` gives the meaning of the names that may be called, `names` those that may be held.

    One machine may load several pickles that stand one after the other; the limits hold for all of them together.
    """

    def __init__(self, data: Data, where: str, calls: dict[str, Build], names: Callable[[Name], bool]) -> None:
        self.data, self.at, self.where = data, 0, where
        self._calls, self._names = calls, names
        self._known: set[Name] = set()
        self._instructions, self._end = 0, min(len(data), limits.PICKLE_BYTES)

    def load(self) -> Any:
        """The next object; `at` is then the byte after it.

        Raises:
            CheckpointError: truncated, malformed, beyond the limits, or asking for anything that is not on the list.
        """
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        try:
            while (code := self._byte()) != 0x2E:  # STOP
                self._instructions += 1
                if self._instructions > limits.PICKLE_INSTRUCTIONS:
                    raise self._bad(f"more than {limits.PICKLE_INSTRUCTIONS:,} instructions, as no checkpoint has")
                if code in _PUSH:
                    self._stack.append(_PUSH[code](self))
                elif code in _ACT:
                    _ACT[code](self)
                else:
                    raise self._bad(f"instruction 0x{code:02x} is not one that tensors need; nothing was run")
            result = self._pop()
            if self._stack:
                raise self._bad("values are left over at its end")
            return result
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise self._bad(f"malformed pickle ({type(error).__name__}: {printable(str(error))})") from error

    def _bad(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.where}: byte {self.at} of the pickle: {what}")

    def _byte(self) -> int:
        at = self.at
        if at >= self._end:
            raise self._bad(f"truncated, or longer than {limits.PICKLE_BYTES:,} bytes")
        self.at = at + 1
        return self.data[at]

    def _take(self, count: int) -> Data:
        if not 0 <= count <= self._end - self.at:
            raise self._bad(f"truncated, or longer than {limits.PICKLE_BYTES:,} bytes")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def _number(self, form: str) -> int:
        value: int = struct.unpack(form, self._take(struct.calcsize(form)))[0]
        return value

    def _line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + limits.NAME_BYTES + 1)
        if end < 0:
            raise self._bad(f"a name without an end, or of more than {limits.NAME_BYTES} bytes")
        return self._take(end + 1 - self.at)[:-1].decode("utf-8")

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise self._bad("a mark where a value is expected")
        return value

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

    def _global(self, module: str, name: str) -> Name:
        found = Name(module, name)
        if found in self._known:
            return found
        if str(found) not in self._calls and not self._names(found):
            asked = printable(str(found))
            raise self._bad(f"the file asks for {asked}, which no checkpoint of tensors needs; nothing was run")
        self._known.add(found)
        return found

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name) or str(function) not in self._calls or not isinstance(arguments, tuple):
            asked = str(function) if isinstance(function, Name) else f"something of type {type(function).__name__}"
            raise self._bad(f"the file asks to call {printable(asked)}; nothing was run")
        self._stack.append(self._calls[str(function)](*arguments))

    def _build(self) -> None:
        """Attributes set on a dict (a state dict's metadata) carry no tensors; on anything else they are refused."""
        self._pop()
        if not isinstance(self._stack[-1], dict):
            raise self._bad("the file sets attributes of something that is no dict; nothing was run")

    def _put(self, place: int) -> None:
        if self._stack[-1] is _MARK:
            raise self._bad("a mark where a value is expected")
        self._memo[place] = self._stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise self._bad("items set on something that is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | None) and not (isinstance(key, int) and abs(key) < _MOST_KEY):
                raise self._bad(f"a key of type {type(key).__name__}, where checkpoints have text or small numbers")
            target[key] = value

    def _append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise self._bad("items appended to something that is no list")
        self._stack[-1].extend(items)


def _pair(m: Machine) -> Any:
    second, first = m._pop(), m._pop()
    return first, second


def _triple(m: Machine) -> Any:
    third, second, first = m._pop(), m._pop(), m._pop()
    return first, second, third


def _text(form: str, encoding: str = "utf-8") -> Callable[[Machine], str]:
    """Text after its length in bytes."""
    return lambda m: m._take(m._number(form)).decode(encoding)


def _bytes(form: str) -> Callable[[Machine], bytes]:
    return lambda m: bytes(m._take(m._number(form)))


def _stack_global(m: Machine) -> Name:
    name, module = m._pop(), m._pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise ValueError("a name that is no text")
    return m._global(module, name)


def _protocol(m: Machine) -> None:
    version = m._byte()
    if not 2 <= version <= 5:
        raise m._bad(f"pickle protocol {version} is not read here")


def _frame(m: Machine) -> None:
    """A length that only speeds up reading; it may not lie."""
    if m._number("<Q") > len(m.data) - m.at:
        raise m._bad("a frame that is longer than the file")


def _long(m: Machine) -> int:
    return int.from_bytes(m._take(m._byte()), "little", signed=True)


# Instructions that push one value, by code (names as in the pickle documentation).
_PUSH: dict[int, Callable[[Machine], Any]] = {
    0x28: lambda m: _MARK,  # MARK
    0x29: lambda m: (),  # EMPTY_TUPLE
    0x47: lambda m: struct.unpack(">d", m._take(8))[0],  # BINFLOAT
    0x4A: lambda m: m._number("<i"),  # BININT
    0x4B: Machine._byte,  # BININT1
    0x4D: lambda m: m._number("<H"),  # BININT2
    0x4E: lambda m: None,  # NONE
    0x51: lambda m: Persistent(m._pop()),  # BINPERSID
    0x54: _text("<i", "latin-1"),  # BINSTRING
    0x55: _text("<B", "latin-1"),  # SHORT_BINSTRING
    0x42: _bytes("<I"),  # BINBYTES
    0x43: _bytes("<B"),  # SHORT_BINBYTES
    0x58: _text("<I"),  # BINUNICODE
    0x8C: _text("<B"),  # SHORT_BINUNICODE
    0x5D: lambda m: [],  # EMPTY_LIST
    0x7D: lambda m: {},  # EMPTY_DICT
    0x63: lambda m: m._global(m._line(), m._line()),  # GLOBAL
    0x93: _stack_global,  # STACK_GLOBAL
    0x68: lambda m: m._memo[m._byte()],  # BINGET
    0x6A: lambda m: m._memo[m._number("<I")],  # LONG_BINGET
    0x74: lambda m: tuple(m._items()),  # TUPLE
    0x85: lambda m: (m._pop(),),  # TUPLE1
    0x86: _pair,  # TUPLE2
    0x87: _triple,  # TUPLE3
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
    0x71: lambda m: m._put(m._byte()),  # BINPUT
    0x72: lambda m: m._put(m._number("<I")),  # LONG_BINPUT
    0x94: lambda m: m._put(len(m._memo)),  # MEMOIZE
    0x73: lambda m: m._set_items([m._pop(), m._pop()][::-1]),  # SETITEM
    0x75: lambda m: m._set_items(m._items()),  # SETITEMS
    0x61: lambda m: m._append([m._pop()]),  # APPEND
    0x65: lambda m: m._append(m._items()),  # APPENDS
}
