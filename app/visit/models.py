"""The models of the page: which may be loaded, what they take, and which stay in memory."""

from __future__ import annotations

import fnmatch
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakSet

from app.server.settings import ANY, CURATED, Settings
from app.visit.hub import REVISION, Cancelled, Survey, fetch, survey_folder, survey_hub
from app.visit.studio import Studio
from attribution import LanguageModel, load_model
from attribution.model import curated
from attribution.model.adapter_files import is_adapter
from attribution.model.described import described_parameters
from attribution.model.loading import EMBEDDED_FOLDER, EMBEDDED_MODELS, is_hub_name, kept_template
from attribution.suggestions import did_you_mean
from attribution.text.templates import AUTO, PLAIN, Asking, resolve_template
from attribution.text.tokenising import gave_up
from unlearn import Corpus

log = logging.getLogger(__name__)

FOLDER = "folder:"
EMBEDDED = "embedded"
REAL_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The small model that speaks English: what the page offers for subjects of the real world."""
CURATED_MODELS = {
    EMBEDDED: "Embedded: 4 M parameters, knows 200 invented authors",
    **{name: known.title for name, known in curated.CURATED.items()},
}
"""Models that are offered by name, and what each is."""

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
# A float32 copy, its gradients and Adam's two moments.
RUN_BYTES = 16


@dataclass(frozen=True)
class Wish:
    """The model that a visitor asks for.

    Attributes:
        name: `embedded`, `folder:NAME` under the host's folder, or `owner/name` on the Hub.
        revision: branch, tag or commit on the Hub; empty: the newest.
        dtype, device, bits, spread: how it is held; `bits` 4 or 8, or 0; `spread` over all devices.
        template: how it is asked, as `attribution.text.templates.Asking` has it.
    """

    name: str = EMBEDDED
    revision: str = ""
    dtype: str = "float32"
    device: str = ""
    bits: int = 0
    spread: bool = False
    template: str = AUTO

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", Asking(self.template).template)
        if self.dtype not in BYTES:
            raise ValueError(f"The dtype {self.dtype!r} is unknown: choose from {', '.join(BYTES)}.")
        if self.bits not in (0, 4, 8):
            raise ValueError(f"Weights are rounded to 4 or 8 bits, or not at all, not {self.bits}.")
        if self.device not in ("", "cpu", "cuda", "mps"):
            raise ValueError(f"The device {self.device!r} is unknown: choose from cpu, cuda, mps.")

    def bytes_of(self, parameters: int) -> float:
        """Memory that the weights take."""
        return parameters * (self.bits / 8 if self.bits else BYTES[self.dtype])


@dataclass
class Loading:
    """One visitor's load, as it stands.

    Attributes:
        stage: what is being done, for people.
        fetched: bytes that have come.
    """

    stage: str = "Waiting for another model to be loaded"
    fetched: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    def cancel(self) -> None:
        """Give up; a download ends with its next piece."""
        self.cancelled.set()

    def go_on(self, stage: str) -> None:
        """Go on to another stage. Cancelled when the visitor gave up."""
        if self.cancelled.is_set():
            raise Cancelled("Loading was cancelled; the model in use has not changed.")
        self.stage = stage


def as_asked(model: LanguageModel, template: str) -> LanguageModel:
    """The same weights asked in another way; the model itself where that is how it is asked.

    Raises:
        ValueError: the tokenizer has no chat template and `chat` is asked for, or has one that cannot serve.
    """
    if template == AUTO and model.folder is not None:
        template = kept_template(model.folder)
    wanted = resolve_template(template, model.tokenizer, model.name)
    if wanted == model.template and type(wanted) is type(model.template):
        return model
    return LanguageModel(model.model, model.tokenizer, model.name, wanted, model.folder)


class Shelf:
    """Loaded models, shared by all visitors; the one unused for longest leaves when memory is short.

    Args:
        embedded: the model that is always there and never leaves.
        load: `attribution.load_model`; a test brings its own.
    """

    def __init__(
        self, settings: Settings, embedded: LanguageModel, load: Callable[..., LanguageModel] = load_model
    ) -> None:
        self._settings = settings
        self._embedded = embedded
        self._load = load
        self._models: OrderedDict[Wish, tuple[LanguageModel, float]] = OrderedDict()
        self._studios: WeakSet[Studio] = WeakSet()
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    # What may be loaded ----------------------------------------------------------------------------------------------

    def choices(self) -> list[tuple[str, str]]:
        """(title, name) of what the page offers by name."""
        offered = [(title, name) for name, title in CURATED_MODELS.items() if self.allows(name)]
        named = [name for name in self._settings.models if name not in (CURATED, ANY, EMBEDDED) and is_hub_name(name)]
        offered += [(name, name) for name in named if name not in CURATED_MODELS]
        return offered + [(f"{folder.name} (a folder here)", FOLDER + folder.name) for folder in self._folders()]

    @property
    def free(self) -> bool:
        """Whether visitors may type names: some pattern allows what is not offered."""
        return any(pattern == ANY or "*" in pattern for pattern in self._settings.models)

    def allows(self, name: str) -> bool:
        """Whether the host allows a name; the embedded model always is."""
        if name == EMBEDDED:
            return True
        return any(
            pattern == ANY
            or (pattern == CURATED and name in CURATED_MODELS)
            or (pattern not in (ANY, CURATED) and fnmatch.fnmatchcase(name, pattern))
            for pattern in self._settings.models
        )

    def survey(self, wish: Wish) -> Survey:
        """What a wish would take, before a weight is read.

        Raises:
            ValueError: the name is none, the host does not allow it, it cannot be had, or it is too large.
        """
        found = self._looked_at(wish)
        if found.base:
            found = self._with_base(wish, found)
        if wish.name != EMBEDDED:
            self._check_size(wish, found.parameters)
        return found

    def _looked_at(self, wish: Wish) -> Survey:
        """A model, or an adapter without the model that it belongs to."""
        if wish.name == EMBEDDED:
            return survey_folder(EMBEDDED_FOLDER / EMBEDDED_MODELS[EMBEDDED], EMBEDDED)
        if wish.name.startswith(FOLDER):
            return survey_folder(self._folder(wish.name.removeprefix(FOLDER)), wish.name)
        self._check_name(wish)
        here = None if wish.revision else curated.folder_here(wish.name)
        return survey_folder(here, wish.name) if here else survey_hub(wish.name, wish.revision)

    def _with_base(self, wish: Wish, found: Survey) -> Survey:
        """An adapter with the model that it belongs to, which is taken by the same rules as one that is asked for."""
        if found.base != EMBEDDED and not is_hub_name(found.base):
            raise ValueError(
                # A path may be the host's own, and nobody's business.
                f"The adapter {wish.name!r} belongs to a model that has no name on the Hub: take one whose model is "
                "there, or a whole model."
            )
        beneath = self._looked_at(replace(wish, name=found.base, revision=""))
        if beneath.base:
            raise ValueError(f"The adapter {wish.name!r} belongs to another adapter: take one that belongs to a model.")
        return replace(
            found,
            parameters=found.parameters + beneath.parameters,
            download_bytes=found.download_bytes + beneath.download_bytes,
            beneath=beneath,
        )

    def _check_size(self, wish: Wish, parameters: int) -> None:
        most, takes = self._settings.max_model_gb, wish.bytes_of(parameters) / 1e9
        if takes > most:
            raise ValueError(
                f"The model {wish.name!r} would take {takes:.1f} GB here and this page gives one model {most:g} GB: "
                "take a smaller one, or bfloat16 instead of float32."
            )

    def _check_name(self, wish: Wish) -> None:
        if not is_hub_name(wish.name):
            raise ValueError(
                f"The model's name {wish.name[:80]!r} is none: write owner/name as on the Hub, such as "
                "Qwen/Qwen2.5-0.5B."
            )
        if wish.revision and (not REVISION.fullmatch(wish.revision) or ".." in wish.revision):
            raise ValueError(f"The revision {wish.revision[:80]!r} is none: a branch, a tag or a commit is needed.")
        if not self.allows(wish.name):
            names = [name for _, name in self.choices()]
            raise ValueError(
                f"This page does not load {wish.name!r}{did_you_mean(wish.name, names)} Its host allows "
                f"{', '.join(names)}."
            )

    def _folders(self) -> list[Path]:
        root = self._settings.model_folder
        if not root or not Path(root).is_dir():
            return []
        return sorted(path for path in Path(root).iterdir() if (path / "config.json").is_file() or is_adapter(path))

    def _folder(self, name: str) -> Path:
        """A folder under the host's, links followed. ValueError for anything else."""
        names = [folder.name for folder in self._folders()]
        root = Path(self._settings.model_folder or "/nowhere").resolve()
        # Compared with what is there, never joined as a path; a link may not lead out either.
        if name not in names or not (root / name).resolve().is_relative_to(root):
            raise ValueError(
                f"There is no model folder {name[:80]!r} here{did_you_mean(name, names)} "
                f"{'Choose from ' + ', '.join(names) + '.' if names else 'The host of this page offers none.'}"
            )
        return (root / name).resolve()

    # Loading ---------------------------------------------------------------------------------------------------------

    def get(self, wish: Wish, loading: Loading | None = None) -> LanguageModel:
        """The model of a wish, loaded unless it is here.

        Raises:
            ValueError: it may not or cannot be loaded, memory is short, or the visitor gave up.
        """
        if wish.name == EMBEDDED:
            loaded = self._embedded
        else:
            loaded = self._weights(replace(wish, template=AUTO), loading or Loading())
        return as_asked(loaded, wish.template)

    def _weights(self, wish: Wish, loading: Loading) -> LanguageModel:
        with self._one_at_a_time:
            with self._lock:
                if wish in self._models:
                    self._models.move_to_end(wish)
                    return self._models[wish][0]
            loading.go_on("Looking at it")
            found = self.survey(wish)
            self._make_room(wish.bytes_of(found.parameters))
            loading.go_on("Downloading")

            def told(size: int) -> None:
                loading.fetched += size

            folder = fetch(found, told, loading.cancelled.is_set)
            whole = fetch(found.beneath, told, loading.cancelled.is_set) if found.beneath else folder
            # What is not in the files would be made up in full size before it could be missed.
            described = self._described(wish, whole)
            self._check_size(wish, described)
            self._make_room(wish.bytes_of(max(found.parameters, described)))
            loading.go_on("Reading the weights")
            started = time.monotonic()
            model = self._read(wish, folder, whole)
            loading.go_on("Done")
            with self._lock:
                self._models[wish] = (model, wish.bytes_of(max(found.parameters, described)))
            log.info("model loaded", extra={"seconds": round(time.monotonic() - started, 1)})
            return model

    def _described(self, wish: Wish, folder: Path) -> int:
        try:
            return described_parameters(folder)
        except ValueError as error:
            raise ValueError(str(error).replace(str(folder), wish.name)) from error

    def _read(self, wish: Wish, folder: Path, whole: Path) -> LanguageModel:
        # What was looked at, whatever else a name might stand for.
        base = {} if whole == folder else {"base": str(whole)}
        try:
            model = self._load(
                str(folder),
                device=wish.device or None,
                dtype=wish.dtype,
                bits=wish.bits or None,
                device_map="auto" if wish.spread else None,
                # A chat template that cannot serve is no reason not to read the weights: the wish may name another.
                template=PLAIN,
                **base,
            )
        except (MemoryError, RuntimeError) as error:
            raise ValueError(
                f"The model {wish.name!r} did not fit into memory, or its weights do not fit its configuration: take a "
                "smaller one, or bfloat16 instead of float32."
            ) from error
        except BaseException as error:
            # What a tokenizer's own code gives up with is no Exception.
            if not isinstance(error, ValueError):
                if not gave_up(error):
                    raise
                raise ValueError(f"The tokenizer of {wish.name!r} is broken: take another revision.") from error
            # The folder's place on the host is nobody's business.
            raise ValueError(str(error).replace(str(folder), wish.name)) from error
        model.name = wish.name
        return model

    # Memory ----------------------------------------------------------------------------------------------------------

    def studio(self, shared: Studio, model: LanguageModel, corpus: Corpus) -> Studio:
        """The studio of a model and rows: the shared one where they are its own. Its model stays while it is held.

        Raises:
            ValueError: the model cannot score the rows: it must not take the place of one that can.
        """
        if model is shared.model and corpus.forget == shared.corpus.forget:
            return shared
        made = Studio(shared.settings, model, corpus)
        self._studios.add(made)
        _ = made.opening
        return made

    @property
    def held(self) -> list[str]:
        """Names of the loaded models, the one unused for longest first."""
        with self._lock:
            return [wish.name for wish in self._models]

    def _make_room(self, size: float) -> None:
        most = self._settings.models_gb * 1e9
        if size > most:
            raise ValueError(f"The model takes {size / 1e9:.1f} GB and this page has {most / 1e9:g} GB for models.")
        with self._lock:
            used = {id(studio.model.model) for studio in self._studios}
            for wish, (model, _) in list(self._models.items()):
                if sum(held for _, held in self._models.values()) + size <= most:
                    return
                if id(model.model) not in used:
                    del self._models[wish]
                    log.info("model left memory")
            if sum(held for _, held in self._models.values()) + size > most:
                raise ValueError(
                    "Every model in memory is in use by somebody, and there is no room for another: try again later, "
                    f"or take one of {', '.join(wish.name for wish in self._models)}."
                )
