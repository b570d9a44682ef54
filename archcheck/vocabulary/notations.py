"""How figures write the field's terms, in English, Chinese and symbols."""

from __future__ import annotations

from collections.abc import Mapping

Value = str | int | bool | tuple[int, ...]

SHORT: Mapping[str, str] = {
    "~norm": "norm(?:ali[sz]ation)?",
    "~enc": "(?:[ ._-]{0,2}(?:emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)",
    "~pos": "pos(?:ition(?:al)?)?s?",
    "~attn": "(?:attn|attention)",
    "~multi": "multi-?head(?:ed)?[ -]",
    "~conv": "conv(?:olution)?s?",
    "~prime": "(?:['′’]*|_\\{?\\w+\\}?|[₀-₉ᵢₕ]+)",
    "~力": "注意力(?:机制|层)?",
}
# One notation per line: the words (a regular expression, whole words), the terms, and details.
# The first line that matches the most text at a place wins. `SHORT` are
# abbreviations inside the expressions.
_CAUSAL: Mapping[str, Value] = {"causal": True}
_SELF: Mapping[str, Value] = {"source": "self"}
_CROSS: Mapping[str, Value] = {"source": "cross"}
NOTATIONS: tuple[tuple[str, str, Mapping[str, Value]], ...] = (
    # norms
    (r"(?:pre|post)?-?norms?|normali[sz]ations?|归一化|规范化|标准化", "Norm", {}),
    (r"layer[ _-]?~norm|ln|层归一化|层规范化|层标准化", "LayerNorm", {}),
    (
        r"rms[ _-]?~norm|root mean square(?: layer)? ~norm|均方根归一化"
        r"|rms归一化",
        "RMSNorm",
        {},
    ),
    (r"batch[ _-]?~norm(?:[123]d)?|bn|批归一化|批量归一化|批标准化|批量标准化", "BatchNorm", {}),
    (r"group[ _-]?~norm|gn|组归一化|分组归一化", "GroupNorm", {}),
    (r"instance[ _-]?~norm(?:[123]d)?|实例归一化", "InstanceNorm", {}),
    (r"l2[ _-]?norm(?:ali[sz]ation|ali[sz]e)?|l2归一化", "L2 norm", {}),
    (r"(?:adaptive |ada)(?:layer ?norm|ln)(?:[ -]?zero)?", "LayerNorm", {}),
    (r"local response ~norm|lrn|局部响应归一化", "local response norm", {}),
    (r"qk[ -]?norm", "Norm", {}),
    # activations
    (r"activations?(?: functions?)?|act(?:[ _-]fn)?|non-?linearity|φ|ϕ|激活(?:函数)?", "activation", {}),
    (r"relu|(?:线性整流|修正线性|整流线性)(?:单元|函数)?", "ReLU", {}),
    (r"relu\^?2|squared relu|relu squared|relu²", "ReLU²", {}),
    (r"relu-?6", "ReLU6", {}),
    (r"leaky[ -]?relu|lrelu", "LeakyReLU", {}),
    (r"p-?relu|parametric relu", "PReLU", {}),
    (r"elu|指数线性单元", "ELU", {}),
    (r"selu", "SELU", {}),
    (r"celu", "CELU", {}),
    (r"gelu|高斯误差线性单元", "GELU", {}),
    (
        r"gelu[ _-]?\(?tanh(?: approx(?:imation|imate)?)?\)?|tanh gelu|gelu[ _-]new|new gelu"
        r"|approx(?:imate)? gelu",
        "tanh GELU",
        {},
    ),
    (r"gelu[ _-]?\(?(?:erf|exact)\)?|(?:exact|erf) gelu", "exact GELU", {}),
    (r"quick[ _-]?gelu", "QuickGELU", {}),
    (r"silu|swish|sigmoid(?:[ -]weighted)? linear unit|sigmoid线性单元", "SiLU", {}),
    (r"sigmoid(?: function)?|σ|\\sigma|sigm|s型函数", "Sigmoid", {}),
    (r"log[ -]?sigmoid", "LogSigmoid", {}),
    (r"tanh|hyperbolic tangent|双曲正切", "Tanh", {}),
    (r"mish", "Mish", {}),
    (r"soft-?plus", "Softplus", {}),
    (r"soft-?sign", "Softsign", {}),
    (r"h(?:ard)?[ -]?swish", "Hardswish", {}),
    (r"h(?:ard)?[ -]?sigmoid", "Hardsigmoid", {}),
    (r"hard[ -]?tanh", "Hardtanh", {}),
    (r"exp|exponential", "Exp", {}),
    (r"sin|sine", "Sine", {}),
    # gates
    (r"glu|gated linear unit|门控线性单元", "GLU", {}),
    (r"swi-?glu|silu[ -]glu", "SwiGLU", {}),
    (r"ge-?glu|gelu[ -]glu", "GEGLU", {}),
    (r"re-?glu|relu[ -]glu", "ReGLU", {}),
    (r"gates?|gating|门控?", "gate|product|router|activation|Linear", {}),
    (
        r"⊙|∘|\\odot|hadamard(?: product)?|element-?wise (?:product|multiplication|multiply|mul)"
        r"|逐元素(?:相?乘|乘积)|点乘",
        "product",
        {},
    ),
    (r"⊗|\\otimes", "matrix product|product|scale", {}),
    (
        r"×|\*|·|\\times|\\cdot|mul|multiply|multiplication|product|乘|相乘",
        "product|matrix product"
        r"|scale",
        {},
    ),
    (
        r"@|mat[ -]?mul|matrix (?:product|multiplication)|bmm|dot product|qk\^?t|矩阵(?:乘法?|相乘)|点积",
        "matrix product",
        {},
    ),
    # sums
    (
        r"⊕|\+|∑|\\oplus|\\sum|add|sum|addition|element-?wise (?:add|addition|sum)|相?加|求和"
        r"|残差连接|sum of the",
        "sum",
        {},
    ),
    (r"−|⊖|subtract(?:ion)?|minus|相减", "difference", {}),
    (r"scale|scaling|缩放", "scale", {}),
    (r"layer-?scale", "scale", {}),
    # linear maps
    (
        r"(?:linear|fully[ -]connected|dense|affine)(?: layers?| projections?)?|fc ?\d?"
        r"|proj(?:ection)?|lm[ _-]?head"
        r"|线性(?:层|变换|映射|投影)?|全连接层?|投影(?:层)?",
        "Linear",
        {},
    ),
    (r"w_?\{?[qkvo]\}?|un-?embed(?:ding)?s?|反嵌入", "Linear", {}),
    (r"(?:mlp|ffn) head", "feed-forward|Linear", {}),
    (r"(?:[qkvo]|query|key|value|output|up|down|gate|in|out)(?:[ _-])?proj(?:ection)?", "Linear", {}),
    (r"conv(?:olution(?:al)?)?s?(?: layers?)?(?:[ _-]?[123]d)?|卷积(?:层)?", "convolution", {}),
    (
        r"(?:depth-?wise|dw)[ _-]?(?:separable )?~conv(?:[123]d)?|深度(?:可分离)?卷积",
        "depthwise convolution",
        {},
    ),
    (r"depth-?wise", "depthwise convolution", {}),
    (r"(?:point-?wise|pw)[ _-]?~conv(?:[123]d)?|逐点卷积", "pointwise convolution|Linear", {}),
    (
        r"(?:transposed?|de)[ _-]?~conv(?:[123]d)?|conv[ _-]?transposed?(?:[123]d)?|up-?conv(?:olution)?"
        r"|转置卷积|反卷积",
        "transposed convolution",
        {},
    ),
    # embeddings and positions
    (
        r"(?:(?:input|output|token|word|text|target|source|segment|type)[ -])?embed(?:ding)?s?(?: layer)?"
        r"|(?:词|输入|输出|令牌)?嵌入(?:层)?|词向量",
        "Embedding",
        {},
    ),
    (
        r"patch(?:ify)?[ -]?embed(?:ding)?s?|patchify|linear projection of flattened patches|图像块嵌入",
        "convolution|Linear",
        {},
    ),
    (r"~pos~enc|positions|位置(?:编码|嵌入)", "positions", {}),
    (
        r"(?:learned|learnable|absolute) ~pos~enc?"
        r"|可学习位置(?:编码|嵌入)",
        "learned positions",
        {},
    ),
    (
        r"(?:sinusoidal|fixed)(?: ~pos)?~enc?"
        r"|正弦位置(?:编码|嵌入)",
        "sinusoidal positions",
        {},
    ),
    (
        r"relative ~pos(?:[ ._-]?(?:bias|emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)?|相对位置(?:编码|偏置)?",
        "relative positions",
        {},
    ),
    (r"alibi", "ALiBi", {}),
    (
        r"rope|rotary(?: pos(?:ition(?:al)?)?)?(?:[ -]?(?:emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)?"
        r"|旋转位置(?:编码|嵌入)",
        "RoPE",
        {},
    ),
    # attention
    (r"(?:q|quer(?:y|ies)|查询)~prime", "query", {}),
    (r"(?:k|keys?|键)~prime", "key", {}),
    (r"(?:v|values?|值)~prime", "value", {}),
    (r"attn|attentions?|~力", "attention", {}),
    (r"~multi~attn|mha|多头~力", "MHA", {}),
    (r"~multiself[ -]~attn|mhsa|msa|多头自~力", "MHA", _SELF),
    (r"masked multi[ -]self[ -]~attn", "MHA", {**_CAUSAL, **_SELF}),
    (r"multi[ -]self[ -]~attn", "MHA", _SELF),
    (r"~attn[ -]pool(?:ing)?|注意力池化", "attention", {}),
    (
        r"(?:channel|spatial|coordinate|se) ~attn|~attn gates?|(?:通道|空间)~力",
        "attention|Sigmoid|product",
        {},
    ),
    (r"~multicross[ -]~attn|多头交叉~力", "MHA", _CROSS),
    (r"masked ~multi~attn|(?:带?掩码的?|遮蔽)多头(?:自)?~力", "MHA", _CAUSAL),
    (r"(?:masked|causal) ~multiself[ -]~attn", "MHA", {**_CAUSAL, **_SELF}),
    (r"(?:masked|causal) (?:mha|mhsa|msa)", "MHA", _CAUSAL),
    (r"self[ -]~attn|自~力", "attention", _SELF),
    (r"cross[ -]~attn|encoder[ -]decoder ~attn|交叉~力", "attention", _CROSS),
    (r"(?:masked|causal) self[ -]~attn|(?:因果|掩码)自~力", "attention", {**_CAUSAL, **_SELF}),
    (r"(?:masked|causal) ~attn|因果~力|掩码~力", "attention", _CAUSAL),
    (r"bidirectional (?:self[ -])?~attn|full (?:self[ -])?~attn", "attention", {"causal": False}),
    (r"gqa|group(?:ed)?[ -](?:multi-)?query[ -]~attn|分组查询~力", "GQA", {}),
    (r"mqa|multi-?query[ -]~attn|多查询~力", "MQA", {}),
    (r"mla|~multilatent[ -]~attn|多头潜在~力", "MLA", {}),
    (r"linear[ -]~attn|线性~力", "linear attention", {}),
    (r"(?:scaled )?dot[ -]product ~attn|sdpa|缩放点积注意力", "attention", {}),
    (
        r"(?:sliding[ -]window|local|window(?:ed)?)[ -](?:self[ -])?~attn|swa|滑动窗口~力",
        "attention",
        {"window": True},
    ),
    (r"soft-?max|归一化指数(?:函数)?", "SoftMax", {}),
    (r"log[ -]?soft-?max", "log SoftMax", {}),
    (r"(?:causal |attention |padding )?mask(?:ing)?|掩码|遮罩", "mask", {}),
    # pools, sizes, dropout
    (r"(?:global )?pool(?:ing)?|池化(?:层)?", "pooling", {}),
    (r"(?:adaptive[ -]?)?max[ -]?pool(?:ing)?(?:[123]d)?|最大池化(?:层)?", "max pooling", {}),
    (
        r"(?:adaptive[ -]?)?(?:average|avg|mean)[ -]?pool(?:ing)?(?:[123]d)?|平均池化(?:层)?",
        "average pooling",
        {},
    ),
    (
        r"global[ -]?(?:average|avg|mean)[ -]?pool(?:ing)?|gap|全局平均池化(?:层)?",
        "global average pooling",
        {},
    ),
    (r"global max[ -]?pool(?:ing)?|全局最大池化(?:层)?", "global max pooling", {}),
    (r"up-?sampl(?:e|ing)|上采样", "upsampling|transposed convolution", {}),
    (r"down-?sampl(?:e|ing)|下采样", "downsampling|convolution|pooling", {}),
    (r"pixel[ -]?shuffle|sub-?pixel(?: conv(?:olution)?)?", "upsampling", {}),
    (r"interpolate|interpolation|resize|插值", "resampling", {}),
    (r"drop-?out(?:[123]d)?|随机失活|丢弃层?", "dropout", {}),
    (r"drop[ -]?path|stochastic depth|随机深度", "stochastic depth", {}),
    # feed-forward, mixtures, recurrences
    (
        r"ffn?|mlp|feed[ -]?forward(?: (?:network|layer|block|net))?|multi-?layer perceptron"
        r"|前馈(?:神经)?(?:网络|层)?"
        r"|多层感知机",
        "feed-forward|mixture of experts",
        {},
    ),
    (r"gated (?:ffn|mlp|feed[ -]?forward)|门控前馈(?:网络|层)?", "gated feed-forward", {}),
    (
        r"moe(?:[ -]?(?:ffn|layer|block))?|mixture[ -]of[ -]experts|专家混合(?:层)?|混合专家(?:模型|层)?",
        "mixture of experts",
        {},
    ),
    (r"router|gating network|路由(?:器)?|门控网络", "router", {}),
    (r"top[ -]?(?:k|\d+)", "top-k", {}),
    (r"top[ -]?(?:k|\d+) gating", "top-k|router", {}),
    (r"rnn|recurrent(?: layer| network)?|循环(?:神经网络|层)", "recurrence", {}),
    (r"(?:bi-?)?lstm|(?:双向)?长短期记忆(?:网络|单元)?", "LSTM", {}),
    (r"(?:bi-?)?gru|gated recurrent unit|(?:双向)?门控循环单元", "GRU", {}),
    (
        r"ssm|mamba2?|selective (?:ssm|scan)|state[ -]space(?: model)?|状态空间(?:模型)?",
        "state-space model",
        {},
    ),
    # shapes
    (r"concat(?:enate|enation)?|cat|©|‖|拼接|连接", "concat", {}),
    (r"split|chunk|slice|切分|拆分|分割", "split", {}),
    (r"repeat(?:[ _-]?kv)?|r|expand|copy to|复制|重复", "repeat", {}),
    (r"transpose|permute|转置", "transpose", {}),
    (r"flip(?:ped)?|翻转", "flip", {}),
    (r"cyclic shift|torch\.roll", "cyclic shift", {}),
    (r"argsort|sort(?:ed)?|排序", "sort", {}),
    (r"absolute value|abs|绝对值", "absolute value", {}),
    (r"clamp|clip", "clamp", {}),
    (r"rounding|rounded", "rounding", {}),
    (r"running sum|cumulative sum|cumsum", "running sum", {}),
    (r"running product|cumulative product|cumprod", "running product", {}),
)
