"""Every mark of a panel: proved, refuted, or not checked. Pure functions over the dataflow.

A panel is a graph of boxes; what its modules execute in one frame is a graph of operations. Boxes with
modules anchor the map between the two (`territory`); the others are bound to what lies between them
(`box_map`); then lines are compared with the ways of the data (`lines`), labels with what is computed
(`claims`), and what is left over with what the panel claims to draw (`completeness`). `frame_check` is the
story of one frame, and `count` gives each mark its verdict.
"""
