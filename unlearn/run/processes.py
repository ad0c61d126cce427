"""One run in several processes: each takes its share of a step's rows, and together they take the step of one.

    torchrun --nproc_per_node 2 -m unlearn
    accelerate launch --multi_gpu --num_processes 2 -m unlearn

Two ways, both PyTorch's own. `ddp`: every process holds the whole model that is trained, and gradients are added up
(DistributedDataParallel). `fsdp`: weights, gradients and the optimiser's moments are cut in as many parts as there are
processes (`fully_shard`, FSDP2), and a layer is whole only while it computes.

Both hang their hooks on a module's forward. A step of ours calls the model's body and its head by themselves, several
times, so the whole computation is handed to `_Call`, whose forward carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

Way = Literal["ddp", "fsdp"]
WAYS: tuple[Way, ...] = ("ddp", "fsdp")
T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes of a run, and which of them this is.

    Attributes:
        rank: 0 to count - 1; 0 measures and writes.
        count: how many there are; 1 without a launcher.
        way: how the model that is trained is spread.
    """

    rank: int = 0
    count: int = 1
    way: Way = "ddp"

    @classmethod
    def started(cls, way: Way = "ddp", expected: int | None = None) -> Processes:
        """Join the processes that torchrun or accelerate started; alone where neither did.

        Args:
            expected: how many there should be.

        Raises:
            ValueError: an unknown way, or another number of processes: some launchers quietly start one alone.
        """
        if way not in WAYS:
            raise ValueError(f"The way {way!r} to spread a run is unknown: choose {' or '.join(WAYS)}.")
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        if expected is not None and state.num_processes != expected:
            raise ValueError(
                f"{expected} processes were asked for and the launcher started {state.num_processes}. Start them with "
                f"`torchrun --nproc_per_node {expected} -m unlearn ...`, or with `accelerate launch --multi_gpu`; "
                "`accelerate launch --cpu` may start one alone."
            )
        return cls(state.process_index, state.num_processes, way)

    def leave(self) -> None:
        """Let the others go."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().destroy_process_group()

    @property
    def device(self) -> str | None:
        """This process's own accelerator; None leaves the choice to `load_model`."""
        return f"cuda:{torch.cuda.current_device()}" if self.count > 1 and torch.cuda.is_available() else None

    def check_batch(self, name: str, rows: int) -> None:
        """ValueError when a step's rows cannot be shared equally: processes would wait for each other for ever."""
        if rows % self.count:
            raise ValueError(
                f"{name} is {rows} and there are {self.count} processes: make it a multiple of {self.count}."
            )

    def share(self, rows: Sequence[T]) -> list[T]:
        """This process's part of a step's rows."""
        return list(rows[self.rank :: self.count])

    def total(self, *numbers: float) -> list[float]:
        """Each number, added up over the processes."""
        if self.count == 1:
            return list(numbers)
        import torch.distributed as dist

        values = torch.tensor(
            numbers, dtype=torch.float64 if self.device is None else torch.float32, device=self.device
        )
        dist.all_reduce(values)
        return values.tolist()

    def spread(self, model: nn.Module, reaches_all: bool = True) -> Callable[[Callable[[], Any]], Any]:
        """Spread the model that is trained; what comes back carries out a computation with it.

        Gradients are then those of the sum over the processes of what each computes.

        Args:
            reaches_all: whether every loss has a gradient for every weight; RMU stops at an inner layer.
        """
        if self.count == 1:
            return lambda work: work()
        call: nn.Module = _Call(model)
        if self.way == "fsdp":
            _shard(call, model)
        else:
            call = nn.parallel.DistributedDataParallel(call, find_unused_parameters=not reaches_all)
        # Both take the mean over the processes.
        return lambda work: _times(call(work), self.count)

    def whole(self, model: nn.Module) -> nn.Module:
        """The model with every weight in one piece again, on every process."""
        if self.way != "fsdp" or self.count == 1:
            return model
        import copy

        from torch.distributed.tensor import DTensor

        weights = {
            name: value.full_tensor() if isinstance(value, DTensor) else value
            for name, value in model.state_dict().items()
        }
        fresh = type(model)(copy.deepcopy(model.config)).to(next(iter(weights.values())).device)
        fresh.load_state_dict(weights)
        return fresh.eval()


class _Call(nn.Module):
    """A module whose forward is whatever is to be done with the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, work: Callable[[], Any]) -> Any:
        return work()


def _times(found: Any, count: int) -> Any:
    """The tensors that carry a gradient, with `count` times that gradient and the same value."""
    if isinstance(found, Tensor):
        return _Scaled.apply(found, count) if found.requires_grad else found
    if isinstance(found, tuple):
        return tuple(_times(one, count) for one in found)
    return found


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, count: int) -> Tensor:
        ctx.count = count
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.count, None


def _shard(call: nn.Module, model: nn.Module) -> None:
    """Each block of the model by itself, and what is left (embeddings, the head, norms) at the root."""
    from torch.distributed.fsdp import fully_shard

    blocks = next((child for child in model.modules() if isinstance(child, nn.ModuleList)), ())
    for part in (*blocks, call):
        # The root too: what it gathered to be read would else be read again after the weights have moved.
        fully_shard(part, reshard_after_forward=True)
    # Room for whole weights is made at the first forward. Made in inference mode it could not be used for training.
    device = next(model.parameters()).device
    with torch.no_grad():
        call(lambda: model(input_ids=torch.zeros((1, 2), dtype=torch.long, device=device)).logits)
