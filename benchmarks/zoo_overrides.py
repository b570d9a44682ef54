"""What the rules of `zoo_config` cannot know, per model type."""

from __future__ import annotations

from typing import Any

BASES: dict[str, dict[str, Any]] = {
    "gemma4_assistant": {"text_config": {"model_type": "gemma4_text", "hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0, "num_kv_shared_layers": 30}},
}
"""Per model type, what its default configuration lacks to be a valid one."""
OVERRIDES: dict[str, dict[str, Any]] = {
    "bamba": {"mamba_d_head": 32},
    "granitemoehybrid": {"mamba_d_head": 32},
    "falcon_h1": {"mamba_d_ssm": 128, "mamba_d_head": 32},
    "mamba2": {"head_dim": 32, "n_groups": 2},
    "nemotron_h": {"n_groups": 2},
    "gemma4_text": {"global_head_dim": 32},
    "gemma4_unified_text": {"global_head_dim": 32},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "cvt": {"depth": (1, 2, 3)},
    "swin": {"image_size": 64, "window_size": 2},
    "ReformerModelWithLMHead": {"is_decoder": True},
    "T5GemmaEncoderModel": {"is_encoder_decoder": False},
    "esm": {"pad_token_id": 1, "mask_token_id": 2},
    "perceiver": {"num_latents": 8, "d_latents": 64, "num_self_attends_per_block": 2, "num_cross_attention_heads": 1},
    "efficientnet": {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280},
    "align_vision_model": {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280},
    "blip-2": {"image_token_index": 120},
    "instructblip": {"image_token_index": 120},
    "instructblipvideo": {"video_token_index": 120},
    "Blip2ForImageTextRetrieval": {"qformer_config": {"use_qformer_text_input": True}},
    "BeitForSemanticSegmentation": {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4]},
    "Data2VecVisionForSemanticSegmentation": {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4]},
    "gemma3": {"mm_tokens_per_image": 4},
    "lw_detr_vit": {"image_size": 64},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 5, "layers_block_type": ["linear_attention", "linear_attention", "hybrid", "linear_attention", "hybrid"]},
    "lfm2_moe": {"num_hidden_layers": 4, "layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0}},
    "longcat_flash": {"head_dim": 8},
    "reformer": {"axial_pos_shape": (4, 2), "axial_pos_embds_dim": (16, 48)},
    "qwen4_exp_text": {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 4, "indexer_compress_ratio": 2},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}}},
    "dots3_note_vision": {"adapter_in_dim": 64, "adapter_out_dim": 64},
    "dots3_note_audio": {"adapter_input_size": 64, "adapter_out_dim": 64},
}
"""Per model type, what the rules cannot know; applies to sub-configurations of the type too."""


