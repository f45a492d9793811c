"""What the pages of formats share: blocks that are generated, tables, and the layout of a preamble."""

import re
import struct

_BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered_with(blocks, page):
    """The page with every generated block made anew; `blocks` are functions by name."""
    return _BLOCK.sub(lambda m: f"{m[1]}{blocks[m[2]]()}\n{m[3]}", page)


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def preamble_table(fields, kind):
    """Offsets of a preamble's fields; `kind` says the type of a field in words."""
    rows, offset = [], 0
    for field in fields:
        rows.append((offset, f"`{field.name}`", kind(field), field.meaning))
        offset += struct.calcsize("<" + field.form)
    return table(("offset", "field", "type", "meaning"), rows)
