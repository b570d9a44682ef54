"""Small tensors gain nothing from threads, and lose much to them on a busy machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
