"""Changed specs that are as true as they were, each with the reason."""

from itertools import combinations

_PLACES = (
    "the rows of each expert are added at the places that Top-1 picked, so that its indices do go to the sum"
)
_CONCAT = "the layer that follows reads a concat, which the box then shows"
_COARSER = (
    "a panel that is not strict need not draw a class of operations: without its only one it is coarser"
)
_NAME = "both labels are names, which name no operation: the boxes are proved by place, modules and lines"
_IS_CONCAT = "the edge is a concatenation, as the label says"
_IS_GATED = "a box of the branch multiplies it, by a condition or by learned numbers: a gate, and a factor α"
_STAGES = ("encode1", "encode2", "encode3")
_IS_LINEAR = "the patches are embedded by a Linear"

EQUIVALENT: dict[str, str] = {
    **dict.fromkeys(
        [f"dense-2025-04: delete, gqa, {box}" for box in ("q (Q)", "k (K')", "v (V')")],
        "Q, K' and V' name values on their way and no operation: without a name they are there as well",
    ),
    "bert: delete, model, add (+)": "the lines of words and positions meet at the norm, and show their sum",
    "dense-2025-04: ghost, gqa, ⊗ before add_mask": "the code multiplies the scores by 1/√d there",
    "resnet50: edge label, first, ['conv1', 'bn3']: projection": "it is drawn through a projection",
    **dict.fromkeys(
        (
            f"minimind-moe: {what} exchanged, moe, {pair}"
            for one, other in combinations(range(1, 5), 2)
            for what, pair in (
                ("labels", f"expert_{one} (Expert {one}) and expert_{other} (Expert {other})"),
                ("modules", f"expert_{one} and expert_{other}"),
            )
        ),
        "experts are alike, and which of them is called the first is a name",
    ),
    **dict.fromkeys(
        (
            f"dense-2025-04: labels exchanged, gqa, {pair}"
            for pair in ("q (Q) and q_rope (RoPE)", "k (K') and k_rope (RoPE)", "v (V') and v_repeat (R)")
        ),
        "Q, K' and V' name a value, before and after the operation",
    ),
    "dense-2025-04: outside, no module, ffn, dropout: outside": "no figure need draw a dropout",
    "bert: moved, model, add to layer": "the layer does add there: it is the sum of the residual",
    "perceiver: source moved, layer, ['norm_latents', 'cross']": (
        "around the input box, too, begins at the input"
    ),
    "clip: delete, image, flat (Flatten)": "no figure need draw a reshape",
    "dit: source moved, block, ['norm1', 'gate1']": "around the input box, too, begins at the input",
    "minimind-moe: add line, moe, top_1 -> sum": _PLACES,
    **dict.fromkeys(
        (
            f"hyper_connections: labels exchanged, layer, {pair}"
            for pair in (
                "read1 (width weights A_1) and write1 (depth weights B_1)",
                "read1 (width weights A_1) and read2 (width weights A_2)",
                "read1 (width weights A_1) and write2 (depth weights B_2)",
                "write1 (depth weights B_1) and read2 (width weights A_2)",
                "write1 (depth weights B_1) and write2 (depth weights B_2)",
                "read2 (width weights A_2) and write2 (depth weights B_2)",
            )
        ),
        _NAME,
    ),
    "hyper_connections: labels exchanged, model, layers (Layer) and narrow (sum of the streams)": (
        "the layers do hold sums of the streams, and the box called Layer has its op"
    ),
    "encoder_decoder: labels exchanged, model, encoder (Encoder layer) and decoder (Decoder layer)": _NAME,
    "shared_moe: labels exchanged, moe, experts (Routed expert) and shared (Shared expert)": _NAME,
    "shared_moe: labels exchanged, moe, routed (∑) and sum (⊕)": "both signs mean a sum",
    "seq2seq: labels exchanged, model, source (Source embedding) and target (Target embedding)": (
        "both embed, and of what is a name"
    ),
    **dict.fromkeys(
        (
            f"resnet50: labels exchanged, model, stage{one} (Stage {one}) and stage{two} (Stage {two})"
            for one in range(1, 5)
            for two in range(one + 1, 5)
        ),
        _NAME,
    ),
    **dict.fromkeys(
        (
            f"diffusion: labels exchanged, model, {pair}"
            for pair in (
                "stem (3×3 conv) and down (ResBlock)",
                "stem (3×3 conv) and middle (ResBlock)",
                "stem (3×3 conv) and up (ResBlock)",
                "down (ResBlock) and head (3×3 conv)",
                "middle (ResBlock) and head (3×3 conv)",
                "up (ResBlock) and head (3×3 conv)",
            )
        ),
        "ResBlock is a name, and a box of a convolution may hold what goes with it",
    ),
    **dict.fromkeys(
        (f"unet: edge label, model, {box}: {word}" for box in _STAGES for word in ("concat", "拼接")),
        _IS_CONCAT,
    ),
    "diffusion: edge label, model, down: concat": _IS_CONCAT,
    "diffusion: edge label, model, down: 拼接": _IS_CONCAT,
    "diffusion: edge label, res, ['norm1', 'conv2']: projection": (
        "the skip path is drawn through a projection"
    ),
    **dict.fromkeys(
        (
            f"{edge}: {word}"
            for edge in (
                "convnext: edge label, block, ['depthwise', 'down']",
                "dit: edge label, block, ['norm1', 'gate1']",
                "dit: edge label, block, ['norm2', 'gate2']",
                "efficientnet: edge label, block, ['expand', 'bn3']",
            )
            for word in ("gated", "×α")
        ),
        _IS_GATED,
    ),
    "dit: synonym, model, patch: Patch embedding -> Linear projection": _IS_LINEAR,
    "dit: synonym, model, patch: Patch embedding -> 线性层": _IS_LINEAR,
    "dit: labels exchanged, model, patch (Patch embedding) and head (Linear)": "both are a Linear",
}
