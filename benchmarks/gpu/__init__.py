"""What `benchmarks/gpu.sh` runs, in reading order.

`table` lists the parts, `__main__` runs them one by one: `machine` says what there is, `missing` what is not; `runner`
runs a part in a process of its own (`child`) for its nine minutes, `report` collects what it finds, `record` is the
file that stays, `summary` the table over all of them. A part is one file in `parts/`.
"""
