"""`python -m unlearn publish`: what a run left behind, to the Hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from unlearn.cli.common import log
from unlearn.publish import check_name, parcel, publish


def publish_command(
    *,
    folder: Annotated[Path, Argument(metavar="FOLDER", help="what --save has written")],
    name: Annotated[str, Argument(metavar="OWNER/NAME", help="the repository; it is made where it is not there yet")],
    dry_run: Annotated[
        bool, Option("--dry-run", help="say what would be sent, to the byte, and stop; asks the network for nothing")
    ] = False,
    public: Annotated[
        bool, Option("--public", help="let everybody see a repository that is made; private unless told")
    ] = False,
) -> None:
    """Send a run to the Hub: model or adapter, tokenizer, model card, figures, the run's log, and its replay.

    No text of a row is sent but in a replay, where --replay wrote one. Other files of the folder stay.
    """
    check_name(name)
    sent = parcel(folder)
    if dry_run:
        seen = "everybody can see" if public else "private"
        sys.stdout.write(f"To {name}, {seen}; nothing has been sent.\n\n{sent.listing()}")
        return
    log.info("Sent to %s.", publish(sent, name, public))
