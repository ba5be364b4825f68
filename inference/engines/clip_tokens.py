"""Tokenizers behind one face: open_clip's own, and those that come with a model as the hub's `tokenizer.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from open_clip.tokenizer import get_clean_fn

from inference.errors import ModelError

_AGAIN = "Remove the model and fetch it again."


class SimpleTokens:
    """open_clip's `SimpleTokenizer`, whose batches are cut already."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.context_length = int(tokenizer.context_length)

    def tokens(self, text: str) -> Sequence[int]:
        own = self._tokenizer
        return [own.sot_token_id, *own.encode(text), own.eot_token_id]

    def batch(self, texts: list[str]) -> torch.Tensor:
        tokens: torch.Tensor = self._tokenizer(texts)
        return tokens


class HubTokens:
    """What `open_clip.tokenizer.HFTokenizer` does, with the `tokenizers` library alone and from local files.

    Texts are cleaned, cut to the context and filled up with the padding token that `tokenizer_config.json` names.
    """

    def __init__(self, folder: Path, context_length: int, clean: str) -> None:
        from tokenizers import Tokenizer

        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError("The model's tokenizer is not there.", file, _AGAIN)
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
            names = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            padding = names["pad_token"]
            word = padding["content"] if isinstance(padding, dict) else padding
            number = self._tokenizer.token_to_id(word)
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"The model's tokenizer cannot be read ({error}).", file, _AGAIN) from error
        if number is None:
            raise ModelError(f"The model's tokenizer does not know its own padding “{word}”.", file, _AGAIN)
        self.context_length = context_length
        self._clean = get_clean_fn(clean)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cutting = Tokenizer.from_str(self._tokenizer.to_str())
        self._cutting.enable_truncation(context_length)
        self._cutting.enable_padding(length=context_length, pad_id=number, pad_token=word)

    def tokens(self, text: str) -> Sequence[int]:
        numbers: list[int] = self._tokenizer.encode(self._clean(text)).ids
        return numbers

    def batch(self, texts: list[str]) -> torch.Tensor:
        return torch.tensor([one.ids for one in self._cutting.encode_batch([self._clean(text) for text in texts])])
