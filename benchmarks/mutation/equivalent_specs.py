"""Changed specs that are as true as they were, each with the reason."""

_PLACES = (
    "the rows of each expert are added at the places that Top-1 picked, so that its indices do go to the sum"
)
_CONCAT = "the layer that follows reads a concat, which the box then shows"
_COARSER = (
    "a panel that is not strict need not draw a class of operations: without its only one it is coarser"
)

EQUIVALENT: dict[str, str] = {
    "minimind-moe: add line, moe, top_1 -> sum": _PLACES,
}
