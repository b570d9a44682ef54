"""Changed specs that are as true as they were, each with the reason."""

_PLACES = (
    "the rows of each expert are added at the places that Top-1 picked, so that its indices do go to the sum"
)
_CONCAT = "the layer that follows reads a concat, which the box then shows"
_COARSER = (
    "a panel that is not strict need not draw a class of operations: without its only one it is coarser"
)

EQUIVALENT: dict[str, str] = {
    **dict.fromkeys(
        [f"dense-2025-04: delete, gqa, {box}" for box in ("q (Q)", "k (K')", "v (V')")],
        "Q, K' and V' name values on their way and no operation: without a name they are there as well",
    ),
    "bert: delete, model, add (+)": "the lines of words and positions meet at the norm, and show their sum",
    "dense-2025-04: ghost, gqa, ⊗ before add_mask": "the code multiplies the scores by 1/√d there",
    "dit: source moved, block, ['norm1', 'gate1']": "around the input box, too, begins at the input",
    "minimind-moe: add line, moe, top_1 -> sum": _PLACES,
}
