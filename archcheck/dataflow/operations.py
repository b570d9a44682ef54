"""What the detector needs to know of torch's operations, by name.

A name not listed here is pointwise arithmetic if its result has its operand's shape, and is taken to mix
positions or channels otherwise.
"""

from __future__ import annotations

# Sums of two tensors: the sinks of residual connections.
SUMS = frozenset(["add", "sub", "rsub"])
# Sums whose second term is computed by the operation itself: x + a·b.
FUSED_SUMS = frozenset(
    ["addmm", "addbmm", "baddbmm", "addmv", "addr", "addcmul", "addcdiv", "index_add", "scatter_add"]
)
CONCATS = frozenset(["cat", "concat", "concatenate", "hstack", "vstack", "dstack", "column_stack"])
DIVISIONS = frozenset(["div", "divide", "true_divide"])
PRODUCTS = frozenset(["mul", "multiply"]) | DIVISIONS

# What moves, selects, copies or recasts values and changes none of them. Dropout belongs here: its mean is
# the identity, and in evaluation it is.
VIEWS = frozenset(
    """
    view reshape permute transpose t T mT H mH adjoint flatten unflatten ravel squeeze unsqueeze expand
    expand_as getitem select narrow chunk split tensor_split unsafe_chunk unsafe_split split_with_sizes
    unbind index_select gather take_along_dim roll flip pad contiguous clone to type float half double
    bfloat16 type_as detach alias cpu cuda data movedim moveaxis swapaxes swapdims unfold as_strided
    repeat repeat_interleave tile broadcast_to view_as reshape_as positive pos dropout dropout1d
    dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout pixel_shuffle
    pixel_unshuffle channel_shuffle native_channel_shuffle view_as_complex view_as_real real masked_fill
    diagonal nan_to_num requires_grad _to_copy lift_fresh as_tensor hsplit vsplit rot90 fliplr flipud
    atleast_1d atleast_2d atleast_3d masked_select constant_pad_nd checkpoint_name copy
    """.split()
)
TRANSPOSES = frozenset(
    """
    permute transpose t T mT H mH adjoint movedim moveaxis swapaxes swapdims einsum
    """.split()
)
# In evaluation these are affine maps of their first operand when their weights do not depend on the input.
AFFINE = frozenset(
    """
    linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm avg_pool1d
    avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d max_pool1d
    max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d lp_pool1d
    lp_pool2d interpolate upsample upsample_nearest upsample_bilinear grid_sample mean sum fold conv_tbc
    amax
    """.split()
)
# What may follow an affine map on a skip path; batch norm, whose mode decides, is among those maps.
NORMS = frozenset(["layer_norm", "rms_norm", "group_norm", "instance_norm", "local_response_norm"])
PRODUCTS_OF_MATRICES = frozenset(["matmul", "mm", "bmm", "mv", "einsum", "tensordot", "dot", "inner"])
# What lets one position or channel see another.
MIXING = (
    AFFINE
    | PRODUCTS_OF_MATRICES
    | FUSED_SUMS - {"addcmul", "addcdiv"}
    | frozenset(
        """
        scaled_dot_product_attention multi_head_attention_forward softmax log_softmax softmin var std
        var_mean std_mean norm normalize amax amin max min aminmax argmax argmin median cumsum cumprod
        cummax cummin logsumexp logcumsumexp layer_norm rms_norm group_norm instance_norm
        local_response_norm prod sort topk bilinear lstm gru rnn_tanh rnn_relu lstm_cell gru_cell
        rnn_tanh_cell rnn_relu_cell stft istft cdist outer kron cross linalg_norm vector_norm fft_fft
        fft_ifft fft_rfft fft_irfft fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn fft_rfftn
        fft_irfftn flex_attention embedding_bag cosine_similarity pairwise_distance segment_reduce
        scatter_reduce chain_matmul
        """.split()
    )
)
# Values that weigh a mixture: an input-dependent factor of these makes a gate.
WEIGHTS = frozenset(["sigmoid", "hardsigmoid", "softmax"])
GATES = frozenset(["sigmoid", "hardsigmoid", "softmax", "tanh", "hardtanh", "clamp", "sparsemax"])
RANDOM = frozenset(["rand", "rand_like", "bernoulli", "randn", "randn_like", "uniform", "normal", "randint"])
GAUSSIAN = frozenset(["randn", "randn_like", "normal"])
COMPARISONS = frozenset(["gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal"])
NEGATIONS = frozenset(["logical_not", "bitwise_not", "invert"])
STACKS = frozenset(["stack"])
# New values in the shape of another tensor, and values of the first tensor in the shape of the second.
LIKE = frozenset(
    """
    zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones
    new_empty new_full new_tensor
    """.split()
)
ZEROS = frozenset(["zeros", "zeros_like", "new_zeros", "zero"])
# In evaluation these return their input, but they are drawn all the same.
DROPOUTS = frozenset(
    [
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "alpha_dropout",
        "feature_dropout",
        "feature_alpha_dropout",
    ]
)
# One number everywhere.
UNIFORM = frozenset(
    ["zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"]
)
SHAPED_LIKE = frozenset(["to", "expand_as", "view_as", "reshape_as", "type_as"])

_REFLECTED = {
    "radd": "add",
    "rmul": "mul",
    "rmatmul": "matmul",
    "iadd": "add",
    "isub": "sub",
    "imul": "mul",
    "itruediv": "div",
    "truediv": "div",
    "rtruediv": "reciprocal_div",
    "rdiv": "reciprocal_div",
    "rsub": "rsub",
    "subtract": "sub",
    "negative": "neg",
}


def canonical(name: str) -> str:
    """Return the operation's canonical name: `__iadd__`, `add_` and `add` are all `add`.

    >>> canonical("__iadd__"), canonical("relu_"), canonical("__rsub__")
    ('add', 'relu', 'rsub')
    """
    name = name.partition(".")[0]  # an overload of torch.ops.aten
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    elif name.endswith("_"):
        name = name.rstrip("_")
    return _REFLECTED.get(name, name)
