"""The spec that a person would draw of a model, from one recorded run of it.

`draft` is the story: which modules a panel shows and which it opens (`plan`), what its own code computes
between them (`operations`), which way the values flow (`ways`) and which residual connections it has
(`residuals`), each in the field's words (`words`). It asks exactly the questions that the diff asks of a
spec, so that the result can be proved; a panel that is not proved anyway is drawn more coarsely (`choices`).
"""

from archcheck.drafting.draft import Draft, draft

__all__ = ["Draft", "draft"]
