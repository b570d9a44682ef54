"""What the rules of `zoo_config` cannot know, per model type."""

from __future__ import annotations

from typing import Any

_RESNET = {
    "model_type": "resnet",
    "embedding_size": 16,
    "hidden_sizes": [16, 32, 64, 128],
    "depths": [2, 2, 2, 2],
}
_STAGE_4 = {"backbone_config": {**_RESNET, "out_features": ["stage4"]}}
_STAGES_2_TO_4 = {"backbone_config": {**_RESNET, "out_features": ["stage2", "stage3", "stage4"]}}
_HGNET = {
    "backbone_config": {"model_type": "hgnet_v2", "out_features": ["stage1", "stage2", "stage3", "stage4"]}
}

BASES: dict[str, dict[str, Any]] = {
    "conditional_detr": _STAGE_4,
    "dab-detr": _STAGE_4,
    "deformable_detr": _STAGES_2_TO_4,
    "detr": _STAGE_4,
    "table-transformer": _STAGE_4,
    "pp_ocrv5_server_det": _HGNET,
    "autoformer": {"prediction_length": 4},
    "informer": {"prediction_length": 4},
    "time_series_transformer": {"prediction_length": 4},
    "gemma4_assistant": {
        "text_config": {
            "model_type": "gemma4_text",
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": 0,
            "num_kv_shared_layers": 30,
        }
    },
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
    "perceiver": {
        "num_latents": 8,
        "d_latents": 64,
        "num_self_attends_per_block": 2,
        "num_cross_attention_heads": 1,
    },
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
    "swinv2": {"image_size": 64, "window_size": 2},
    "donut-swin": {"image_size": 64, "window_size": 2},
    "maskformer-swin": {"image_size": 64, "window_size": 2},
    "aria": {"projector_patch_to_query_dict": {16: 4}},
    "llava_next": {"image_grid_pinpoints": [[32, 32]]},
    "llava_next_video": {"image_grid_pinpoints": [[32, 32]]},
    "llava_onevision": {"image_grid_pinpoints": [[32, 32]]},
    "llama4_vision_model": {
        "intermediate_size": 256,
        "projector_input_dim": 64,
        "projector_output_dim": 64,
        "vision_output_dim": 64,
    },
    "molmo2": {"adapter_config": {"vision_feature_layers": [-1, -2], "vision_feature_layer": [-1, -2]}},
    "glm5_next_text": {"index_topk": 4, "index_kpool": 2},
    "glm4v_moe_text": {
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [2, 1, 1],
            "partial_rotary_factor": 0.5,
        }
    },
    "paddleocr_vl_text": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
    },
    "ernie4_5_vl_moe_text": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [3, 3, 2]}
    },
    "qwen3_omni_moe_talker_text": {"shared_expert_intermediate_size": 64},
    "moonshine_streaming": {"num_key_value_heads": 4, "num_attention_heads": 4},
    "diffusion_gemma_text": {
        "num_experts": 4,
        "top_k_experts": 2,
        "moe_intermediate_size": 64,
        "global_head_dim": 32,
    },
    "seggpt": {"num_hidden_layers": 6, "merge_index": 1, "intermediate_hidden_state_indices": [2, 3, 4, 5]},
    "vibevoice_asr": {"acoustic_tokenizer_chunk_size": 3200},
    "dots3_note_text": {
        "swa_num_attention_heads": 4,
        "swa_num_key_value_heads": 4,
        "swa_q_lora_rank": 16,
        "swa_kv_lora_rank": 16,
        "swa_head_dim": 32,
        "swa_qk_nope_head_dim": 24,
        "swa_v_head_dim": 16,
    },
    "granite4_vision": {"deepstack_layer_map": [[0, 0], [-1, 1]], "downsample_rate": "1/2"},
    "emu3": {
        "vocabulary_map": {
            "<image>": 120,
            "<|extra_200|>": 121,
            **{f"<|visual token {i:06d}|>": 10 + i for i in range(8)},
        }
    },
    "emu3_vqgan": {"codebook_size": 8},
    "chameleon": {
        "vocabulary_map": {
            "<image>": 120,
            **{f"IMGIMG{letter}Z": 10 + i for i, letter in enumerate("ABCDEFGH")},
        }
    },
    "chameleon_vqgan": {"num_embeddings": 8},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 5,
        "layers_block_type": ["linear_attention", "linear_attention", "hybrid", "linear_attention", "hybrid"],
    },
    "lfm2": {"num_hidden_layers": 4, "layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "lfm2_moe": {"num_hidden_layers": 4, "layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0}},
    "longcat_flash": {"head_dim": 8},
    "reformer": {"axial_pos_shape": (4, 2), "axial_pos_embds_dim": (16, 48)},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 16,
        "indexer_budget": 4,
        "indexer_compress_ratio": 2,
    },
    "cohere_compass_text": {
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
        }
    },
    "dots3_note_vision": {"adapter_in_dim": 64, "adapter_out_dim": 64},
    "dots3_note_audio": {"adapter_input_size": 64, "adapter_out_dim": 64},
}
"""Per model type, what the rules cannot know; applies to sub-configurations of the type too."""
