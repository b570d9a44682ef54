"""Inputs of the models whose needs can't be read off the signature of `forward`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.zoo_config import IMAGE
from benchmarks.zoo_inputs import LENGTH, Inputs, tokens


def _musicgen(model: Any) -> Inputs:
    return {"input_ids": tokens(model, model.config.num_codebooks, LENGTH)}


def _musicgen_conditional(model: Any) -> Inputs:
    codes = tokens(model, model.config.decoder.num_codebooks, LENGTH)
    return {"input_ids": tokens(model, 1, LENGTH), "decoder_input_ids": codes}


def _boxes(model: Any) -> Inputs:
    return {"input_ids": tokens(model, 1, LENGTH), "bbox": torch.rand(1, LENGTH, 4).sort(-1).values}


def _udop(model: Any) -> Inputs:
    size = model.config.image_size
    return {
        **_boxes(model),
        "pixel_values": torch.randn(1, 3, size, size),
        "decoder_input_ids": tokens(model, 1, LENGTH),
    }


def _lxmert(model: Any) -> Inputs:
    config = model.config
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "visual_feats": torch.randn(1, 4, config.visual_feat_dim),
        "visual_pos": torch.rand(1, 4, config.visual_pos_dim),
    }


def _pix2struct(model: Any) -> Inputs:
    return {"flattened_patches": _flattened_patches(model), "decoder_input_ids": tokens(model, 1, LENGTH)}


def _flattened_patches(model: Any) -> torch.Tensor:
    """Patches with their row and column in front, shape (1, patches, 2 + values)."""
    config = model.config.vision_config
    patches = torch.randn(1, LENGTH, 2 + config.patch_embed_hidden_size)
    patches[..., :2] = torch.arange(1.0, 1 + LENGTH)[:, None]
    return patches


def _kosmos2(model: Any) -> Inputs:
    config = model.config
    mask = torch.zeros(1, LENGTH + config.latent_query_num, dtype=torch.long)
    mask[:, 2 : 2 + config.latent_query_num] = 1
    size = config.vision_config.image_size
    return {
        "input_ids": tokens(model, *mask.shape),
        "pixel_values": torch.randn(1, 3, size, size),
        "image_embeds_position_mask": mask,
    }


def _kosmos2_5(model: Any) -> Inputs:
    queries = model.config.latent_query_num
    mask = torch.zeros(1, LENGTH + queries, dtype=torch.long)
    mask[:, 2 : 2 + queries] = 1
    return {
        "input_ids": tokens(model, *mask.shape),
        "image_embeds_position_mask": mask,
        "flattened_patches": _flattened_patches(model),
    }


def _query_former(model: Any) -> Inputs:
    config = model.config
    width = getattr(config, "qformer_config", config).encoder_hidden_size
    return {
        "query_embeds": torch.randn(1, LENGTH, getattr(config, "qformer_config", config).hidden_size),
        "encoder_hidden_states": torch.randn(1, LENGTH, width),
    }


def _dia(model: Any) -> Inputs:
    codes = model.config.decoder_config.num_channels
    return {"input_ids": tokens(model, 1, LENGTH), "decoder_input_ids": tokens(model, 1, LENGTH, codes)}


def _codebooks(model: Any) -> Inputs:
    return {"input_ids": tokens(model, 1, LENGTH, model.config.num_codebooks + 1)}


def _patched_series(model: Any) -> Inputs:
    config = model.config
    return {"past_values": torch.randn(1, config.context_length, config.num_input_channels)}


def _timesfm(model: Any) -> Inputs:
    return {"past_values": [torch.randn(64)]}


def _forecast(model: Any) -> Inputs:
    config = model.config
    past = config.context_length + max(config.lags_sequence)
    future = config.prediction_length
    return {
        "past_values": torch.randn(1, past),
        "past_time_features": torch.randn(1, past, config.num_time_features),
        "past_observed_mask": torch.ones(1, past),
        "future_values": torch.randn(1, future),
        "future_time_features": torch.randn(1, future, config.num_time_features),
    }


def _decisions(model: Any) -> Inputs:
    config = model.config
    return {
        "states": torch.randn(1, LENGTH, config.state_dim),
        "actions": torch.randn(1, LENGTH, config.act_dim),
        "rewards": torch.randn(1, LENGTH, 1),
        "returns_to_go": torch.randn(1, LENGTH, 1),
        "timesteps": torch.arange(LENGTH)[None],
        "attention_mask": torch.ones(1, LENGTH, dtype=torch.long),
    }


def _state(model: Any) -> Inputs:
    config = model.config
    size = config.vlm_config.vision_config.image_size
    patch = config.vlm_config.vision_config.patch_size
    ids = tokens(model, 1, LENGTH + (size // patch) ** 2)
    ids[:, : (size // patch) ** 2] = config.vlm_config.image_token_id
    return {
        "input_ids": ids,
        "pixel_values": torch.randn(1, 1, 3, size, size),
        "pixel_attention_mask": torch.ones(1, 1, dtype=torch.bool),
        "attention_mask": torch.ones_like(ids),
        "state": torch.randn(1, config.max_state_dim),
        "noise": torch.randn(1, config.chunk_size, config.max_action_dim),
        "timestep": torch.rand(1),
    }


def _spectrogram(model: Any) -> Inputs:
    config = model.config.audio_config
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "input_features": torch.randn(1, 1, config.spec_size, config.num_mel_bins),
        "is_longer": torch.tensor([[False]]),
    }


def _speech_text(model: Any) -> Inputs:
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "decoder_input_values": torch.randn(1, LENGTH, model.config.num_mel_bins),
    }


def _task(model: Any) -> Inputs:
    size = model.config.backbone_config.image_size
    return {
        "pixel_values": torch.randn(1, 3, size, size),
        "task_inputs": torch.randint(0, 50, (1, model.config.task_seq_len)),
    }


def _stacked_video(model: Any) -> Inputs:
    size = model.config.visual_prompter_size if hasattr(model.config, "visual_prompter_size") else 448
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "pixel_values": torch.randn(1, model.config.num_frames, 3, size, size),
        "attention_mask": torch.ones(1, LENGTH, dtype=torch.long),
    }


def _options(model: Any) -> Inputs:
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "marks": torch.tensor([[3, 7]]),
        "num_options": torch.tensor([[2, 2]]),
        "question_type_ids": torch.tensor([[0, 0]]),
    }


def _mllama(model: Any) -> Inputs:
    vision = model.config.vision_config
    tiles = vision.max_num_tiles
    ids = tokens(model, 1, LENGTH)
    ids[:, 1] = model.config.image_token_index
    return {
        "input_ids": ids,
        "pixel_values": torch.randn(1, 1, tiles, 3, vision.image_size, vision.image_size),
        "aspect_ratio_ids": torch.ones(1, 1, dtype=torch.long),
        "aspect_ratio_mask": torch.ones(1, 1, tiles, dtype=torch.long),
        "cross_attention_mask": torch.ones(1, LENGTH, 1, tiles, dtype=torch.long),
    }


def _idefics(model: Any) -> Inputs:
    size = model.config.vision_config.image_size
    return {
        "input_ids": tokens(model, 1, LENGTH),
        "pixel_values": torch.randn(1, 1, 3, size, size),
        "image_attention_mask": torch.ones(1, LENGTH, 1, dtype=torch.long),
        "attention_mask": torch.ones(1, LENGTH, dtype=torch.long),
    }


def _shared_keys(model: Any) -> Inputs:
    """Return what an assistant reads of its target model: embeddings, each layer type's keys and values."""
    text = model.config.get_text_config()
    shared = {}
    for layer, kind in enumerate(text.layer_types):
        config = text.per_layer_config[layer]
        shape = (1, config.num_key_value_heads, LENGTH, config.head_dim)
        shared[kind] = (torch.randn(shape), torch.randn(shape))
    return {
        "inputs_embeds": torch.randn(1, 1, 2 * model.config.backbone_hidden_size),
        "shared_kv_states": shared,
        "position_ids": torch.tensor([[LENGTH - 1]]),
    }


def _two_resolutions(model: Any) -> Inputs:
    config = model.config
    count = config.vision_config.image_size // config.vision_config.patch_size
    ids = tokens(model, 1, LENGTH + count**2)
    ids[:, 2 : 2 + count**2] = config.image_token_id
    size = config.high_res_vision_config.image_size
    return {
        "input_ids": ids,
        "pixel_values": torch.randn(1, 3, IMAGE, IMAGE),
        "high_res_pixel_values": torch.randn(1, 3, size, size),
    }


INPUTS: dict[str, Callable[[nn.Module], Inputs]] = {
    "AutoformerModel": _forecast,
    "Blip2QFormerModel": _query_former,
    "BrosModel": _boxes,
    "ClapModel": _spectrogram,
    "OneFormerForUniversalSegmentation": _task,
    "PI0ForConditionalGeneration": _state,
    "SpeechT5ForTextToSpeech": _speech_text,
    "TvpModel": _stacked_video,
    "DecisionTransformerModel": _decisions,
    "DeepseekVLHybridForConditionalGeneration": _two_resolutions,
    "DiaForConditionalGeneration": _dia,
    "Gemma4AssistantForCausalLM": _shared_keys,
    "Gemma4UnifiedAssistantForCausalLM": _shared_keys,
    "IdeficsForVisionText2Text": _idefics,
    "InformerModel": _forecast,
    "JevForDecision": _options,
    "Kosmos2ForConditionalGeneration": _kosmos2,
    "Kosmos2_5ForConditionalGeneration": _kosmos2_5,
    "KyutaiSpeechToTextForConditionalGeneration": _codebooks,
    "LxmertModel": _lxmert,
    "MllamaForConditionalGeneration": _mllama,
    "MusicgenForCausalLM": _musicgen,
    "MusicgenForConditionalGeneration": _musicgen_conditional,
    "MusicgenMelodyForCausalLM": _musicgen,
    "MusicgenMelodyForConditionalGeneration": _musicgen_conditional,
    "PatchTSMixerForRegression": _patched_series,
    "PatchTSMixerForTimeSeriesClassification": _patched_series,
    "PatchTSTForClassification": _patched_series,
    "PatchTSTForRegression": _patched_series,
    "Pix2StructForConditionalGeneration": _pix2struct,
    "TimeSeriesTransformerModel": _forecast,
    "TimesFm2_5ModelForPrediction": _timesfm,
    "TimesFmModelForPrediction": _timesfm,
    "UdopForConditionalGeneration": _udop,
}
