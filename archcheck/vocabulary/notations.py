"""How figures write the field's terms, in English, Chinese and symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Value = str | int | float | bool | tuple[int, ...]

HOW: Mapping[str, tuple[str, Value]] = {
    "masked|causal|带?掩码的?|遮蔽|因果": ("causal", True),
    "bidirectional|full": ("causal", False),
    "self|自": ("source", "self"),
    "cross|encoder[ -]decoder|交叉": ("source", "cross"),
    "sliding[ -]window|local|(?:shifted )?window(?:ed)?|滑动窗口": ("window", True),
    "scaled|缩放": ("scale", "1/√d"),
}
"""What the words before an attention say of it, in any order."""

SHORT: Mapping[str, str] = {
    "~norm": "norm(?:ali[sz]ation)?",
    "~enc": "(?:[ ._-]{0,2}(?:emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)",
    "~pos": "pos(?:ition(?:al)?)?s?",
    "~attn": "(?:attn|attention)",
    "~multi": "multi[ -]?head(?:ed)?[ -]?",
    "~how": f"(?:(?:{'|'.join(HOW)})[ -]?)*",
    "~conv": "conv(?:olution)?s?",
    "~prime": "(?:['′’]*|_\\{?\\w+\\}?|[₀-₉ᵢₕ]+)",
    "~力": "注意力(?:机制|层)?",
}
_DETAILS: Mapping[str, tuple[str, Value]] = {
    "self": ("source", "self"),
    "window": ("window", True),
    "neighbours": ("pairs", "neighbours"),
    "halves": ("pairs", "halves"),
}
# A notation a line: the terms, details if any, and the words, a regular expression that may go on in the next
# line. The first line that matches the most text at a place wins. `SHORT` are abbreviations in expressions.
_TABLE = r"""
# norms
Norm: (?:pre|post)?-?norms?|normali[sz]ations?|归一化|规范化|标准化
LayerNorm: layer[ _-]?~norm|ln|层归一化|层规范化|层标准化
RMSNorm: rms[ _-]?~norm|root mean square(?: layer)? ~norm|均方根归一化|rms归一化
BatchNorm: batch[ _-]?~norm(?:[123]d)?|bn|批归一化|批量归一化|批标准化|批量标准化
GroupNorm: group[ _-]?~norm|gn|组归一化|分组归一化
InstanceNorm: instance[ _-]?~norm(?:[123]d)?|实例归一化
L2 norm: l2[ _-]?norm(?:ali[sz]ation|ali[sz]e)?|l2归一化
LayerNorm: (?:adaptive |ada)(?:layer ?norm|ln)(?:[ -]?zero)?
local response norm: local response ~norm|lrn|局部响应归一化
Norm: qk[ -]?norm
# activations
activation: activations?(?: functions?)?|act(?:[ _-]fn)?|non-?linearity|φ|ϕ|激活(?:函数)?
ReLU: relu|(?:线性整流|修正线性|整流线性)(?:单元|函数)?
ReLU²: relu\^?2|squared relu|relu squared|relu²
ReLU6: relu-?6
LeakyReLU: leaky[ -]?relu|lrelu
PReLU: p-?relu|parametric relu
ELU: elu|指数线性单元
SELU: selu
CELU: celu
GELU: gelu|高斯误差线性单元
tanh GELU: gelu[ _-]?\(?tanh(?: approx(?:imation|imate)?)?\)?|tanh gelu|gelu[ _-]new|new gelu
  |approx(?:imate)? gelu
exact GELU: gelu[ _-]?\(?(?:erf|exact)\)?|(?:exact|erf) gelu
QuickGELU: quick[ _-]?gelu
SiLU: silu|swish|sigmoid(?:[ -]weighted)? linear unit|sigmoid线性单元
Sigmoid: sigmoid(?: function)?|sigm|s型函数
Sigmoid|SiLU|Linear: σ(?![²^_])|\\sigma
LogSigmoid: log[ -]?sigmoid
Tanh: tanh|hyperbolic tangent|双曲正切
Mish: mish
Softplus: soft-?plus
Softsign: soft-?sign
Hardswish: h(?:ard)?[ -]?swish
Hardsigmoid: h(?:ard)?[ -]?sigmoid
Hardtanh: hard[ -]?tanh
Exp: exp|exponential
Sine: sin|sine
# gates
GLU: glu|gated linear unit|门控线性单元
SwiGLU: swi-?glu|silu[ -]glu
GEGLU: ge-?glu|gelu[ -]glu
ReGLU: re-?glu|relu[ -]glu
gate|product|router|activation|Linear: gates?|gating|门控?
product|scale: ⊙|∘|\\odot|hadamard(?: product)?|element-?wise (?:product|multiplication|multiply|mul)
  |逐元素(?:相?乘|乘积)|点乘
matrix product|product|scale: ⊗|\\otimes
product|matrix product|scale: ×|\*|·|\\times|\\cdot|mul|multiply|multiplication|product|乘|相乘
matrix product: @|mat[ -]?mul|matrix (?:product|multipl(?:y|ication))|bmm|dot[ -]product|qk\^?t
  |矩阵(?:乘法?|相乘)|点积
# sums
sum: ⊕|\+|∑|\\oplus|\\sum|add|sum|addition|element-?wise (?:add|addition|sum)|相?加|求和|残差连接|sum of the
difference: −|⊖|subtract(?:ion)?|minus|相减
offset: 1 ?[-−](?: ?\w)?
scale|product: scale|scaling|缩放
scale: layer-?scale
# linear maps
Linear: (?:linear|fully[ -]connected|dense|affine)(?: layers?| projections?)?|fc ?\d?|proj(?:ection)?
  |lm[ _-]?head|线性(?:层|变换|映射|投影)?|全连接层?|投影(?:层)?
Linear: w_?\{?[qkvo]\}?|un-?embed(?:ding)?s?|反嵌入
feed-forward|Linear: (?:mlp|ffn) head
Linear: (?:[qkvo]|query|key|value|output|up|down|gate|in|out)(?:[ _-])?proj(?:ection)?
convolution: conv(?:olution(?:al)?)?s?(?: layers?)?(?:[ _-]?[123]d)?|卷积(?:层)?
depthwise convolution: (?:depth-?wise|dw)[ _-]?(?:separable )?~conv(?:[123]d)?|深度(?:可分离)?卷积
depthwise convolution: depth-?wise
pointwise convolution|Linear: (?:point-?wise|pw)[ _-]?~conv(?:[123]d)?|逐点卷积
transposed convolution: (?:transposed?|de)[ _-]?~conv(?:[123]d)?|conv[ _-]?transposed?(?:[123]d)?
  |up-?conv(?:olution)?|转置卷积|反卷积
# embeddings and positions
Embedding: (?:(?:input|output|token|word|text|target|source|segment|type)[ -])?embed(?:ding)?s?(?: layer)?
  |(?:词|输入|输出|令牌)?嵌入(?:层)?|词向量
convolution|Linear: patch(?:ify)?[ -]?embed(?:ding)?s?|patchify|linear embed(?:ding)?s?
  |linear projection of flattened patches|图像块嵌入
positions: ~pos~enc|positions|位置(?:编码|嵌入)
learned positions: (?:learned|learnable|absolute) ~pos~enc?|可学习位置(?:编码|嵌入)
sinusoidal positions: (?:sinusoidal|fixed)(?: ~pos)?~enc?|正弦位置(?:编码|嵌入)
relative positions: rel(?:ative|\.) ~pos\.?(?:[ ._-]?(?:bias|emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)?
  |相对位置(?:编码|偏置)?
ALiBi: alibi
RoPE: rope|rotary(?: pos(?:ition(?:al)?)?)?(?:[ -]?(?:emb(?:ed(?:ding)?)?|enc(?:oding)?)s?)?
  |旋转位置(?:编码|嵌入)
RoPE {neighbours}: interleaved rope|rope \(?(?:interleaved|gpt-?j)(?: style)?\)?
RoPE {halves}: rope \(?(?:rotate[ -]half|(?:gpt-)?neox)(?: style)?\)?
# attention
query: (?:q|quer(?:y|ies)|查询)~prime
key: (?:k|keys?|键)~prime
value: (?:v|values?|值)~prime
attention: ~how(?:attn|attentions?|~力)
MHA: ~how(?:~multi~how~attn|mha|多头(?:自|交叉)?~力)
MHA {self}: ~how(?:mhsa|msa|multi[ -]self[ -]~attn)
attention: ~attn[ -]pool(?:ing)?|注意力池化
attention|Sigmoid|product: (?:channel|spatial|coordinate|se) ~attn|~attn gates?|(?:通道|空间)~力
GQA: ~how(?:gqa|group(?:ed)?[ -](?:multi-)?query[ -]~how~attn|分组查询~力)
MQA: ~how(?:mqa|multi-?query[ -]~how~attn|多查询~力)
MLA: ~how(?:mla|~multilatent[ -]~how~attn|多头潜在~力)
linear attention: linear[ -]~attn|线性~力
attention: ~how(?:dot[ -]product ~attn|sdpa|点积注意力)
attention {window}: swa
SoftMax: soft[ -]?max|归一化指数(?:函数)?
log SoftMax: log[ -]?soft[ -]?max
mask: (?:causal |attention |padding )?mask(?:ing)?|掩码|遮罩
# pools, sizes, dropout
pooling: (?:global )?pool(?:ing)?|池化(?:层)?
max pooling: (?:adaptive[ -]?)?max[ -]?pool(?:ing)?(?:[123]d)?|最大池化(?:层)?
average pooling: (?:adaptive[ -]?)?(?:average|avg\.?|mean)[ -]?pool(?:ing)?(?:[123]d)?|平均池化(?:层)?
global average pooling: global[ -]?(?:average|avg\.?|mean)[ -]?pool(?:ing)?(?:[123]d)?|gap|全局平均池化(?:层)?
global max pooling: global max[ -]?pool(?:ing)?|全局最大池化(?:层)?
upsampling|transposed convolution: up[ -]?sampl(?:e|ing)|上采样
downsampling|convolution|pooling: down[ -]?sampl(?:e|ing)|下采样
upsampling: pixel[ -]?shuffle|sub-?pixel(?: conv(?:olution)?)?
resampling: interpolate|interpolation|resize|插值
dropout: drop[ -]?out(?:[123]d)?|随机失活|丢弃层?
stochastic depth: drop[ -]?path|stochastic depth|随机深度
# feed-forward, mixtures, recurrences
feed-forward|mixture of experts: ffn?|mlp|feed[ -]?forward(?: (?:network|layer|block|net))?
  |multi-?layer perceptron|前馈(?:神经)?(?:网络|层)?|多层感知机
gated feed-forward: gated (?:ffn|mlp|feed[ -]?forward)|门控前馈(?:网络|层)?
mixture of experts: moe(?:[ -]?(?:ffn|layer|block))?|mixture[ -]of[ -]experts|专家混合(?:层)?
  |混合专家(?:模型|层)?
router: router|gating network|路由(?:器)?|门控网络
top-k: top[ -]?(?:k|\d+)
top-k|router: top[ -]?(?:k|\d+) (?:gating|router|routing)
recurrence|state-space model: linear recurren(?:ce|t)(?: units?| layers?)?
recurrence: rnn|recurrent(?: layer| network)?|循环(?:神经网络|层)
LSTM: (?:bi-?)?lstm|(?:双向)?长短期记忆(?:网络|单元)?
GRU: (?:bi-?)?gru|gated recurrent unit|(?:双向)?门控循环单元
state-space model: ssm|mamba2?|selective (?:ssm|scan)|state[ -]space(?: model)?|状态空间(?:模型)?
# shapes
concat|joined heads: concat(?:enate|enation)?(?: heads)?|cat|©|‖|拼接|连接
split: split|chunk|slice|切分|拆分|分割
repeat: repeat(?:[ _-]?kv)?|r|expand|copy to|复制|重复
transpose: transpose|permute|转置
flip: flip(?:ped)?|翻转
cyclic shift: cyclic shift|torch\.roll
sort: argsort|sort(?:ed)?|排序
absolute value: absolute value|abs(?!\.)|绝对值
clamp: clamp|clip
rounding: rounding|rounded
running sum: running sum|cumulative sum|cumsum
running product: running product|cumulative product|cumprod
"""


def _notations() -> Iterator[tuple[str, str, Mapping[str, Value]]]:
    for line in re.sub(r"^#.*\n|\n  ", "", _TABLE, flags=re.MULTILINE).strip().splitlines():
        said, _, words = line.partition(": ")
        terms, _, details = said.partition(" {")
        yield words, terms, dict(_DETAILS[each] for each in details.rstrip("}").split(", ") if each)


NOTATIONS = tuple(_notations())
