"""Send what a run left behind (`unlearn.export.save`) to the Hub: the files named here, and nothing else.

A repository that is made is private unless told otherwise. No row's text is among the files but in a replay, which is
there where `--replay` asked for one; the card and the log name the rows by the name of their data set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, errors
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open

from attribution.files import file_fingerprint
from attribution.model.adapter_files import ADAPTER_FILE, ADAPTER_WEIGHTS
from attribution.model.loading import EMBEDDED_MODELS, KEPT_FILE, is_hub_name
from unlearn.export import EVAL_FILE, LOG_FILE
from unlearn.replay import REPLAY_FILE, read_replay

WEIGHTS = ("model.safetensors", "model-*.safetensors", ADAPTER_WEIGHTS)
SENT = (
    *("README.md", LOG_FILE, EVAL_FILE, KEPT_FILE, REPLAY_FILE),
    *(*WEIGHTS, "model.safetensors.index.json", "config.json", "generation_config.json", ADAPTER_FILE),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja"),
)
"""Names of files that are sent, or patterns of them."""


@dataclass(frozen=True)
class Parcel:
    """A folder, and what of it is sent.

    Attributes:
        files: names in the folder, with `/` between parts, sorted.
        left: other files there, which stay.
    """

    folder: Path
    files: tuple[str, ...]
    left: tuple[str, ...]

    def listing(self) -> str:
        """A line a file: SHA-256, bytes, name; then which holds texts, what stays, and the card as it is sent."""
        paths = [(name, self.folder / name) for name in self.files]
        lines = [f"{file_fingerprint(path)}  {path.stat().st_size:>14,}  {name}" for name, path in paths]
        if REPLAY_FILE in self.files:
            lines += ["", f"With texts of a row: {REPLAY_FILE}"]
        if self.left:
            lines += ["", f"Left here: {', '.join(self.left)}"]
        return "\n".join([*lines, "", (self.folder / "README.md").read_text(encoding="utf-8")])


def parcel(folder: Path) -> Parcel:
    """What of a folder is sent.

    Raises:
        ValueError: the folder lacks what a run leaves behind, its replay is none, or its adapter stands on a model that
            nobody else has.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}: name one that `python -m unlearn --save` has written.")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    # A link may lead to any file of the machine, and a pipe never ends.
    files = [
        name for name in found if _is_sent(name) and (folder / name).is_file() and not (folder / name).is_symlink()
    ]
    for name in ("README.md", LOG_FILE, KEPT_FILE):
        if name not in files:
            raise ValueError(
                f"The folder {str(folder)!r} has no {name}: name one that `python -m unlearn --save` has written."
            )
    try:
        (folder / "README.md").read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"The card {str(folder / 'README.md')!r} is no UTF-8 text: save the run again.") from error
    weights = [name for name in files if any(fnmatchcase(name, pattern) for pattern in WEIGHTS)]
    if not weights:
        raise ValueError(f"The folder {str(folder)!r} has no weights in safetensors: save the run again.")
    for name in weights:
        _check_whole(folder / name)
    if REPLAY_FILE in files:
        read_replay(folder)
    if ADAPTER_FILE in files:
        _check_base(folder / ADAPTER_FILE)
    return Parcel(folder, tuple(files), tuple(name for name in found if name not in files))


def publish(sent: Parcel, name: str, public: bool = False, api: HfApi | None = None) -> str:
    """Send it to `owner/name`, which is made where it is not there yet; returns its address.

    Args:
        public: whether a repository that is made can be seen by everybody.
        api: the Hub's client, which knows its token by itself.

    Raises:
        ValueError: the name is none, there is a public repository and `public` was not said, or the Hub refuses.
    """
    check_name(name)
    api = api or HfApi()
    try:
        address = str(api.create_repo(name, private=not public, exist_ok=True))
        if not public and not api.model_info(name).private:
            raise ValueError(
                f"{name} is there already and everybody can see it: say --public if that is what you want, or name "
                "another repository."
            )
        said = f"Forget Lens: {len(sent.files)} files of a run"
        # They are read as patterns, and a name with a bracket would stand for others.
        names = [escape(file) for file in sent.files]
        api.upload_folder(repo_id=name, folder_path=sent.folder, allow_patterns=names, commit_message=said)
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, errors.LocalTokenNotFoundError, OSError) as error:
        raise ValueError(_refused(name, error)) from error
    return address


def check_name(name: str) -> None:
    """ValueError when a text is no `owner/name`."""
    try:
        validate_repo_id(name)
        known = is_hub_name(name)
    except errors.HFValidationError:
        known = False
    if not known:
        raise ValueError(f"The name {name[:80]!r} is none on the Hub: write OWNER/NAME, such as ada/smollm-forgets.")


def _is_sent(name: str) -> bool:
    # A star would take folders, too.
    return name in SENT or ("/" not in name and any(fnmatchcase(name, pattern) for pattern in SENT))


def _check_whole(path: Path) -> None:
    """ValueError where weights broke off or are none; their header alone is read."""
    try:
        with safe_open(path, "pt"):
            pass
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{str(path)!r} is damaged ({error}): save the run again.") from error


def _check_base(path: Path) -> None:
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} does not say which model its adapter belongs to: save the run again."
        ) from error
    known = isinstance(base, str) and (base in EMBEDDED_MODELS or (is_hub_name(base) and not Path(base).exists()))
    if not known:
        raise ValueError(
            "The adapter belongs to a model in a folder of this machine, which nobody else has: run with --model "
            "OWNER/NAME, or save the run merged."
        )


def _refused(name: str, error: Any) -> str:
    """The Hub client's faults, each as a sentence that says what to do."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 or isinstance(error, errors.LocalTokenNotFoundError):
        return "The Hub does not know who you are: run `hf auth login`, or set HF_TOKEN to a token that may write."
    if status == 403:
        return f"Your token may not write to {name!r}: take one that may, or name a repository of your own."
    if status is not None:
        return f"The Hub answered {status} when {name!r} was sent: try again in a few minutes."
    return f"The Hub cannot be reached from here ({type(error).__name__}): --dry-run shows what would be sent."
