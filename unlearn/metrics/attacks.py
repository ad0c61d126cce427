"""Further membership attacks, for those who ask for them by name (`--metrics attacks`).

As the attacks of `membership`, each gives every answer a number that is high for what was trained on, and the figure is
the AUC with which it tells rows to forget from holdout rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch.func import functional_call

from attribution.data.rows import Row
from attribution.model.language_model import LanguageModel
from unlearn.metrics.base import metric
from unlearn.metrics.examination import Examination
from unlearn.metrics.membership import measure as measure_membership
from unlearn.metrics.membership import membership_auc


@metric(
    "membership_{attack}",
    title="Membership by {attack}",
    group="attacks",
    better="toward",
    target=0.5,
    unit="AUC",
    of="rows to forget against holdout rows",
    formula="AUC of zlib: mean log p_t / bytes of the answer compressed; reference: mean log p_t less the retrained "
    "model's; gradient_norm: minus the mean over weights of the 2-norm of the gradient of mean l_t",
    sentence="Whether rows to forget still look trained on to one further attack: 1 means surely, 0.5 cannot tell.",
    paper="zlib USENIX Security 2021 (Carlini et al.), reference 1709.01604's setting, gradient norm arXiv 2402.17012",
    evidence="code",
)
def measure(examination: Examination) -> None:
    """The AUC of each attack that can be made."""
    examination.once(measure_membership)
    mine, others = examination.members
    splits = {split: examination.rows(split) for split in (mine, others)}
    if not splits[others]:
        return
    examination.say("membership: further attacks")
    loss = {split: np.array(examination.values(split, "membership_loss")) for split in splits}
    found = {"zlib": {split: loss[split] / compressed(rows) for split, rows in splits.items()}}
    if examination.reference is None:
        examination.note("The reference attack needs a model that was never taught the rows to forget: none was given.")
    else:
        theirs = {split: np.array(examination.reference.values(split, "membership_loss")) for split in splits}
        found["reference"] = {split: loss[split] - theirs[split] for split in splits}
    found["gradient_norm"] = {split: -gradient_norms(examination.model, rows) for split, rows in splits.items()}
    for attack, scores in found.items():
        for split, values in scores.items():
            for i, value in enumerate(values):
                examination.row(split, i, f"membership_{attack}", float(value))
        auc = membership_auc(scores[mine], scores[others])
        examination.figure(f"membership_{attack}", auc, len(splits[mine]), len(splits[others]))


def compressed(rows: Sequence[Row]) -> np.ndarray:
    """Bytes of every row's answer after zlib, `[rows]`."""
    return np.array([len(zlib.compress(row.example.answer.encode("utf-8"))) for row in rows])


def gradient_norms(model: LanguageModel, rows: Sequence[Row]) -> np.ndarray:
    """Mean over the model's weights of the 2-norm of the gradient of a row's mean l_t, `[rows]`; a backward a row.

    The weights themselves stay without a gradient: it is taken of stand-ins that share their storage.
    """
    leaves = {
        name: weights.detach().requires_grad_(weights.is_floating_point())
        for name, weights in model.model.named_parameters()
    }
    asked = [weights for weights in leaves.values() if weights.requires_grad]
    found = []
    for row in rows:
        encoded = model.encode(row.example)
        ids, attention = model.pad([encoded])
        with torch.enable_grad():
            out = functional_call(model.model, leaves, (), {"input_ids": ids, "attention_mask": attention})
            positions = torch.tensor(encoded.answer_positions, device=ids.device)
            log_q = torch.log_softmax(out.logits[0, positions - 1].float(), dim=-1)
            loss = -log_q.gather(1, ids[0, positions, None]).mean()
            gradients = torch.autograd.grad(loss, asked, allow_unused=True)
        norms = [gradient.float().norm() for gradient in gradients if gradient is not None]
        found.append(float(torch.stack(norms).mean()))
    return np.array(found)
