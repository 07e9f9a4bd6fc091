"""The engine that sees and draws: CLIPSeg for words, a diffusion pipeline for what they say.

Its folder of models has ``inpaint/`` (a pipeline of diffusers, as ``save_pretrained`` writes it)
and, for masks by words, ``segment/`` (a CLIPSeg of transformers, with its processor). Nothing is
downloaded. Only safetensors are read: they hold no code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineal_consumers.restyle.engine import CannotRestyle, UnknownEngine
from lineal_consumers.restyle.opencv_engine import OpencvEngine
from lineal_schemas.restyling import Fill, MaskPrompt

if TYPE_CHECKING:
    from lineal_consumers.restyle.engine import Image, Mask

_STEPS = 25
_GUIDANCE = 7.5
_MULTIPLE = 8
"""Pixels that the sides of what is drawn are a multiple of."""
_MAX_SIDE = 1024
"""Of what is drawn: larger images are drawn smaller, and what is drawn is enlarged."""
_SEEN = 0.4
"""Probability from which a pixel is what the words say (Lüddecke and Ecker 2022)."""


class DiffusersEngine(OpencvEngine):
    """Boxes and colours as OpenCV finds them, words by CLIPSeg; fills by words are drawn."""

    needs_models = True

    def __init__(self, models: Path | None, device: str) -> None:
        if models is None or not (models / "inpaint" / "model_index.json").is_file():
            raise UnknownEngine(
                "the engine diffusers needs models: a folder with inpaint/, as [stages.restyle] "
                'models = {diffusers = "DIR"} names it'
            )
        super().__init__(models, device)
        self._models, self._device = models, device
        self._pipeline: Any = None
        self._segmenter: Any = None

    @classmethod
    def memory_mb(cls, models: Path | None, pixels: int) -> float:
        """The files of its models, and 4 KB for each pixel that is drawn."""
        held = (
            0 if models is None else sum(f.stat().st_size for f in models.rglob("*") if f.is_file())
        )
        return held * 1.2 / 1e6 + min(pixels, _MAX_SIDE**2) * 4096 / 1e6

    def find(self, image: Image, prompt: MaskPrompt) -> Mask:
        import numpy as np

        if prompt.words is None:
            return super().find(image, prompt)
        mask = self._seen(image, prompt.words)
        if prompt.box is not None:
            inside = super().find(image, prompt.model_copy(
                update={"words": None, "entire_box": True}))  # fmt: skip
            mask &= inside
        if not mask.any():
            raise CannotRestyle(f"nothing that is {prompt.words!r} was seen")
        return np.asarray(mask, np.bool_)

    def _seen(self, image: Image, words: str) -> Mask:
        import cv2
        import numpy as np
        import PIL.Image
        import torch

        folder = self._models / "segment"
        if not folder.is_dir():
            raise CannotRestyle(
                f"masks by words need {folder.name}/ among the models: name a box or a colour"
            )
        if self._segmenter is None:
            from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

            given: dict[str, Any] = {"local_files_only": True}
            self._segmenter = (
                CLIPSegProcessor.from_pretrained(folder, **given),
                CLIPSegForImageSegmentation.from_pretrained(
                    folder, use_safetensors=True, **given
                ).to(self._device).eval(),
            )  # fmt: skip
        processor, model = self._segmenter
        inputs = processor(
            text=[words], images=[PIL.Image.fromarray(image)], return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits = model(**inputs).logits
        seen = torch.sigmoid(logits).float().cpu().numpy().reshape(logits.shape[-2:])
        rows, columns = image.shape[:2]
        return np.asarray(cv2.resize(seen, (columns, rows)) > _SEEN, np.bool_)

    def fill(self, image: Image, mask: Mask, fill: Fill) -> Image:
        if fill.kind != "words":
            return super().fill(image, mask, fill)
        import cv2
        import numpy as np
        import PIL.Image
        import torch

        pipeline = self._loaded()
        rows, columns = image.shape[:2]
        scale = min(1.0, _MAX_SIDE / max(rows, columns))
        height, width = (
            max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (rows, columns)
        )
        small = PIL.Image.fromarray(image).resize((width, height))
        where = PIL.Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height))
        drawn = pipeline(
            prompt=fill.words,
            image=small,
            mask_image=where,
            height=height,
            width=width,
            num_inference_steps=_STEPS,
            guidance_scale=_GUIDANCE,
            # On the processor: the same seed is the same noise, whatever draws.
            generator=torch.Generator("cpu").manual_seed(fill.seed),
            output_type="np",
        ).images[0]
        made = cv2.resize(np.clip(drawn * 255, 0, 255).astype(np.uint8), (columns, rows))
        return np.where(mask[:, :, None], made, image)

    def _loaded(self) -> Any:
        if self._pipeline is None:
            import torch
            from diffusers import AutoPipelineForInpainting

            kind = torch.float16 if self._device.startswith("cuda") else torch.float32
            self._pipeline = AutoPipelineForInpainting.from_pretrained(
                self._models / "inpaint",
                local_files_only=True,
                use_safetensors=True,
                torch_dtype=kind,
            ).to(self._device)
            self._pipeline.set_progress_bar_config(disable=True)
        return self._pipeline
