"""Find the residual connections of a recorded run. Pure functions over `archcheck.dataflow.run`.

Definitions (the words are those of the documentation; `tests/residual/test_sentences.py` has models for each
sentence):

- A **sink** is a sum, a concatenation or an interpolation, however it is written, of two tensors that depend
  on the model's input.
- It is **live**: its values reach the output, or a state that outlives the call. A zero factor (a number or a
  constant; no learned parameter, no random mask), or a mask or dropout of everything, passes no values, nor
  does a sum that its module exchanges for the branch alone, or for a number, in a part or on a condition.
- Multiples of one tensor in a sum count together: `0.5*x + 0.5*x + f(x)` has x once, `(x + f(x)) - x` not at
  all. A tensor that is added unscaled several times stays several summands, if it is the branch.
- The **skip path** leads back from one operand of the sink through what merely moves or rescales, and through
  sums: those made by the sink's own module to either side, so that `x + a(x) + b(x)` is one sum whatever its
  grouping, and those of earlier residuals along their skip path. Only where no such path holds may it pass
  mixing weights, and only then affine maps, which a normalization may follow.
- It carries every element of the source to its own place, perhaps several times. Axes may be exchanged where
  the branch exchanges some too. A part, or the source and zeros, is `partial`. Moved elements (flipped,
  rolled, gathered) are no residual, nor is a part that the branch never reads.
- The **source** is the latest tensor on the skip path on which the other operand depends. What is made of
  parameters alone can be one, where what was computed from it and the input is added to it, in a single
  place: a class token, learned queries.
- The **branch** is everything between the source and that operand. It must mix positions or channels.
  Pointwise arithmetic alone, learned or not, is an activation function (the polynomial of a GELU, a Snake). A
  permutation is a rotary embedding, whatever it is multiplied by. A rescaled copy is the source itself. What
  comes from a single number is an offset. A branch without parameters, in a sum that one module call
  executes over and over, is a recurrence (a linear attention's state).
- What is added to attention scores on their way to the softmax is a mask or bias. Of what is nothing but a
  gate's argument, neither summand is a projection.
- The sink's own module adds the branch's output as it is, or a part of it to a part of the source. In another
  order than the source's, or as a part expanded over the rest, it is another tensor.
- A **concatenation** has a residual for each two of its parts of which one was computed from the other,
  at the first concatenation that holds both.
- **Kind**: `multi-stream` if the branch is spread over parallel streams. `projection` if the skip path is an
  affine map, batch norm in either mode among them; then the branch must not be one, and more than an addend
  of it is learned. `gated` if a mixing weight on it depends on the input; the branch's values must depend
  on the source, not their weights alone. `partial` as above. `scaled` if a factor is constant or learned.
  `concat` if the sink concatenates. Else `identity`.

Reading order: `detector` (sinks), `skip_path`, `branch`, `kinds`, `naming`; `operation_facts`, `carriage`,
`factors` and `ancestry` are what they ask of the dataflow. Each search walks back from one sink and stops at
its source, so that the work grows with the model.
"""

from archcheck.dataflow.join import Join
from archcheck.residual.detector import find_products, search
from archcheck.residual.join import FoundResiduals

__all__ = ["FoundResiduals", "Join", "find_products", "search"]
