"""The public endpoints, called the way a program calls them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

CALL_SECONDS = 120


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    made = Client(url, verbose=False)
    yield made
    made.close()


def test_only_what_computes_is_public_and_it_is_described(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    runs = {"/unlearn", "/compare", "/report", "/stress", "/depth", "/race", "/predict"}
    assert set(endpoints) == {"/open", "/score", "/matrix"} | runs
    for name, facts in endpoints.items():
        assert facts["description"], f"{name} says nothing about itself"


def test_score(client: Client) -> None:
    answer = client.predict(row="forget:0", api_name="/score")
    (row,) = answer["examples"]
    assert set(row["scores"]) == {"masking", "entropy", "learned", "fused"}
    assert "".join(token["text"] for token in row["tokens"]) == row["answer"]
    assert all(len(column) == len(row["tokens"]) for column in row["scores"].values())
    typed = client.predict(prompt="Who?", answer="Ada Quell.", scorers="entropy, random", api_name="/score")
    assert set(typed["examples"][0]["scores"]) == {"entropy", "random"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"answer": ""}, "The answer is empty"),
        ({"row": "forget:100000"}, "does not exist"),
        ({"row": "forgotten:0"}, "did you mean 'forget'"),
        ({"row": "forget:0", "scorers": "entrpy"}, "did you mean 'entropy'"),
        ({"row": "forget:0", "subject": "Nobody"}, "neither in the prompt"),
        ({"row": "forget:0", "mask_scope": "all"}, "Mask scope is 'all'"),
        ({"row": "forget:0", "alternatives": 21}, "from 1 to 20"),
        ({"answer": "word " * 1500}, "reads at most"),
    ],
)
def test_score_says_what_is_wrong(client: Client, arguments: dict, said: str) -> None:
    with pytest.raises(AppError, match=said) as caught:
        client.predict(**arguments, api_name="/score")
    assert "Traceback" not in str(caught.value)


def test_unlearn_then_compare(client: Client) -> None:
    job = client.submit(scorer="learned", top=0.3, steps=3, row="forget:5", api_name="/unlearn")
    result = job.result(timeout=CALL_SECONDS)
    assert len(job.outputs()) == 3, "one state of the run after each step"
    assert [step["step"] for step in result["steps"]] == [1, 2, 3]
    assert not result["stopped"] and result["seconds"] > 0
    scored = client.predict(row="forget:5", scorers="learned", api_name="/score")["examples"][0]
    assert result["selection"]["tokens"] == [token["text"] for token in scored["tokens"]]
    eligible = [score for score, given in zip(scored["scores"]["learned"], scored["given"], strict=True) if not given]
    kept = sum(weight > 0 for weight in result["selection"]["weights"])
    assert kept == max(1, int(0.3 * len(eligible) + 0.5))

    compared = client.predict(split="world", limit=5, api_name="/compare")
    assert compared["total"] == 10 and len(compared["answers"]) == 5
    assert {name: figures is not None for name, figures in compared["metrics"].items()} == {
        "before": True,
        "after": True,
        "reference": True,
    }
    assert all(isinstance(row[name], str) for row in compared["answers"] for name in ("before", "after", "reference"))


def test_other_rows_for_one_session(client: Client) -> None:
    opened = client.predict(forget="forget01", template="plain", api_name="/open")
    assert (opened["corpus"], opened["template"]) == ("forget01", "plain") and opened["rows"]["forget"] > 0
    job = client.submit(scorer="entropy", steps=1, api_name="/unlearn")
    job.result(timeout=CALL_SECONDS)
    assert job.outputs()[-1]["steps"][-1]["step"] == 1


def test_unlearn_by_a_preset(client: Client) -> None:
    wishes = {"preset": "atwu-small", "steps": 2, "alpha": 2.0, "roll_back": True}
    result = client.predict(**wishes, row="forget:5", api_name="/unlearn")
    config = result["config"]
    assert (config["learn"], config["objective"], config["rule"]["kind"]) == ("alternate", "satga", "raw")
    assert (config["alpha"], config["gamma"], config["steps"], config["roll_back"]) == (2.0, 3.0, 2, True)
    assert result["rolled_back_to"] is None and result["notes"] == []
    assert all(0 < weight < 1 for weight in result["selection"]["weights"]), "every token, by what was learned so far"


@pytest.mark.parametrize(
    ("endpoint", "arguments", "said"),
    [
        ("/unlearn", {"steps": 0}, "from 1 to"),
        ("/unlearn", {"preset": "atwo"}, "did you mean 'atwu'"),
        ("/unlearn", {"lora": 1000}, "from 1 to 256"),
        ("/unlearn", {"objective": "wgaa"}, "did you mean 'wga'"),
        ("/unlearn", {"top": 0.0}, "Top share is 0.0"),
        ("/unlearn", {"row": "retain:0"}, "no row to forget"),
        ("/unlearn", {"threshold": 2.0, "steps": 2}, "selects no token"),
        ("/compare", {"split": "forgotten"}, "'forgotten' is unknown"),
        ("/compare", {"limit": -1}, "at least 0"),
        ("/compare", {"against": "9"}, "no other run '9'"),
        ("/report", {"against": "9"}, "no other run '9'"),
        ("/stress", {"kinds": "relearn"}, "choose from paraphrase, rephrasing, two-hop"),
        ("/depth", {"maps": -1}, "at least 0"),
        ("/open", {"model": "/etc/passwd"}, "is none: write owner/name"),
        ("/open", {"forget": "forget06"}, "none that this page reads"),
        ("/open", {"forget": "real:Atlantis"}, "no subject 'Atlantis'"),
        ("/race", {"arms": "hard,oracl"}, "did you mean 'oracle'"),
    ],
)
def test_bad_wishes_are_one_sentence(client: Client, endpoint: str, arguments: dict, said: str) -> None:
    with pytest.raises(AppError, match=said):
        client.predict(**arguments, api_name=endpoint)
