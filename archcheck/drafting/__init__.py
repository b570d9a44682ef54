"""The spec that a person would have drawn of a model, from one recorded run of it.

`draft` is the story: which modules a panel shows and which it opens (`plan`), what its own code computes
between them (`operations`), which ways the values take (`ways`) and which residual connections it makes
(`residuals`), each in the field's words (`words`). It asks the very questions that the diff asks of a spec,
so that what is written can be proved; a panel that is not proved all the same is drawn more coarsely
(`choices`).
"""

from archcheck.drafting.draft import Draft, draft

__all__ = ["Draft", "draft"]
