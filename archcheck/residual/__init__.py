"""Find the residual connections of a recorded run. Pure functions over `archcheck.dataflow.run`.

Definitions (the words are those of the documentation):

- A **sink** is a sum (or concatenation, or interpolation) of two tensors that depend on the model's input.
- The **skip path** leads back from one operand of the sink through what merely moves or rescales, and through
  sums: those made by the sink's own module to either side, so that `x + a(x) + b(x)` is one sum whatever its
  grouping, and those of earlier residuals along their skip path. Only where no such path holds may it pass
  mixing weights, and only then affine maps.
- The **source** is the latest tensor on the skip path on which the other operand depends.
- The **branch** is everything between the source and that operand. It must mix positions or channels, or
  hold parameters: pointwise arithmetic alone is an activation function (the polynomial of a GELU), a
  permutation is a rotary embedding, and a rescaled copy is the source itself. A branch without parameters, in
  a sum that one module call executes over and over, is a recurrence (a linear attention's state). What is
  added to attention scores on their way to the softmax is a mask or bias.
- **Kind**: `multi-stream` if the branch is spread over parallel streams, `projection` if the skip path is
  an affine map (then the branch must not be one), `gated` if a mixing weight on it depends on the input,
  `scaled` if a factor is constant or learned, `concat` if the sink concatenates, else `identity`.

Reading order: `detector` (sinks), `skip_path`, `branch`, `kinds`, `naming`; `facts` and `ancestry` are what
they ask of the dataflow. Each search walks back from one sink and stops at its source, so that the work grows
with the model.
"""

from archcheck.dataflow.join import Join
from archcheck.residual.detector import find_products, search
from archcheck.residual.join import Search

__all__ = ["Join", "Search", "find_products", "search"]
