"""The `text/1` file: layout, header, rules, and what lies in it (docs/format/text-v1.md)."""
