"""The engine that draws, on tiny models with random weights that are written here: what is loaded,
how it is called, and what comes back are those of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineal.testing import StageHarness
from lineal_consumers.restyle.config import RestyleConfig, model_files
from lineal_consumers.restyle.diffusers_engine import DiffusersEngine
from lineal_consumers.restyle.engine import UnknownEngine
from lineal_consumers.restyle.stage import restyle
from lineal_schemas.restyling import Box, Fill, ImagesReady, MaskPrompt, StyleRequested
from tests.consumers.restyle.scene import pixels_of, png, scene


def test_without_models_it_says_which_are_needed(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(UnknownEngine, match="inpaint/"):
            DiffusersEngine(folder, "cpu")


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{one}</w>" for one in letters)]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=32
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch", reason="needs lineal[diffusers]")
    pytest.importorskip("diffusers", reason="needs lineal[diffusers]")
    pytest.importorskip("transformers", reason="needs lineal[diffusers]")
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionInpaintPipeline,
        UNet2DConditionModel,
    )
    from transformers import (
        CLIPSegConfig,
        CLIPSegForImageSegmentation,
        CLIPSegProcessor,
        CLIPTextConfig,
        CLIPTextModel,
        ViTImageProcessor,
    )

    folder = tmp_path_factory.mktemp("models")
    tokenizer = _tokenizer(folder / "words")
    torch.manual_seed(0)
    small = {
        "hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4,
        "num_hidden_layers": 2,
    }  # fmt: skip
    of_text = {
        **small, "vocab_size": len(tokenizer), "max_position_embeddings": 32, "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    StableDiffusionInpaintPipeline(
        vae=AutoencoderKL(
            block_out_channels=[32, 64], in_channels=3, out_channels=3, latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        text_encoder=CLIPTextModel(CLIPTextConfig(**of_text)),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=9,
            out_channels=4, cross_attention_dim=32,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        ),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder / "inpaint", safe_serialization=True)  # fmt: skip
    segment = CLIPSegForImageSegmentation(
        CLIPSegConfig(
            text_config=of_text, vision_config={**small, "image_size": 32, "patch_size": 8},
            projection_dim=32, reduce_dim=16, extract_layers=[0, 1],
            conditional_layer=0, decoder_num_attention_heads=2, decoder_intermediate_size=16,
        )
    )  # fmt: skip
    segment.save_pretrained(folder / "segment", safe_serialization=True)
    CLIPSegProcessor(
        ViTImageProcessor(size={"height": 32, "width": 32}), tokenizer
    ).save_pretrained(folder / "segment")
    return folder


async def draw(models: Path, seed: int, **mask: Any) -> tuple[ImagesReady, np.ndarray | None]:
    picture, _, _ = scene(96, 64)
    config = RestyleConfig(engine="diffusers", models={"diffusers": models})
    async with StageHarness(restyle, config=config) as harness:
        stored = await harness.put(png(picture), "image/png")
        await harness.send(
            StyleRequested(
                request_id="r1", images=(stored,), mask=MaskPrompt(**mask),
                fill=Fill(kind="words", words="a cat", seed=seed), by="user:ann", requested_us=1,
            )
        )  # fmt: skip
        assert not harness.dead_letters, harness.dead_letters
        (ready,) = harness.outputs(ImagesReady)
        image = ready.images[0].image
        return ready, None if image is None else pixels_of(await harness.get(image))


@pytest.mark.long
async def test_it_draws_within_the_mask_and_the_same_seed_draws_the_same(models: Path) -> None:
    picture, _, _ = scene(96, 64)
    box = {"box": Box(x=10, y=10, width=40, height=30), "entire_box": True}
    ready, one = await draw(models, 1, **box)
    again, _ = await draw(models, 1, **box)
    _, other = await draw(models, 2, **box)
    assert ready.images[0].problem is None and one is not None and other is not None
    assert again == ready
    inside = np.zeros(picture.shape[:2], bool)
    inside[10:40, 10:50] = True
    assert np.array_equal(one[~inside], picture[~inside])
    assert not np.array_equal(one[inside], picture[inside])
    assert not np.array_equal(one, other)


@pytest.mark.long
async def test_words_are_looked_for_by_the_model_that_sees(models: Path) -> None:
    ready, _ = await draw(models, 1, words="the ball")
    problem = ready.images[0].problem
    # Weights are random: whatever it sees, it has looked, or it says that it saw nothing.
    assert problem is None or "was seen" in problem


@pytest.mark.long
def test_its_models_are_known_by_one_digest(models: Path, tmp_path: Path) -> None:
    (used,) = model_files(RestyleConfig(models={"diffusers": models}))
    assert used.name == "restyle/diffusers"
    assert len(used.sha256) == 64
