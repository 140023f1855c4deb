# SPDX-License-Identifier: GPL-2.0-or-later
"""`ultravisor db` and `ultravisor bench resources`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.resource_examples import add_partition, make_database, set_state
from ultravisor.cli import run
from ultravisor.resources.database import ResourceDatabase
from ultravisor.resources.file_journal import FileJournal


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """Return a journal of two generations."""
    path = tmp_path / "host.journal"
    database = make_database(FileJournal.open(path))
    set_state(database, add_partition(database, "guest1"), "running")
    database.close()
    return str(path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_ls_counts_the_tables(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "ls", "--journal", journal, "--json"]) == 0
    counts = {row["table"]: row["records"] for row in lines(capsys)}
    assert (counts["partition"], counts["processor"], counts["channel"]) == (1, 2, 0)


def test_ls_lists_records(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "ls", "partition", "--journal", journal, "--json"]) == 0
    (row,) = lines(capsys)
    assert (row["name"], row["state"], row["descriptor"]) == ("guest1", "running", [0, 3, 0])
    assert run(["db", "ls", "partition", "--journal", journal]) == 0
    assert "guest1" in capsys.readouterr().out


def test_get_shows_the_past(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["db", "get", "partition", "1", "--journal", journal, "--json"]
    assert run([*words, "--at", "1"]) == 0
    assert run(words) == 0
    assert [row["state"] for row in lines(capsys)] == ["ready", "running"]


def test_get_takes_a_key_of_several_words(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "get", "quota", "machine", "", "partitions", "--journal", journal]) == 0
    assert capsys.readouterr().out.splitlines()[-2].split() == ["used", "1"]


def test_log_watch_and_diff_show_changes(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "log", "--journal", journal, "--after", "1"]) == 0
    assert run(["db", "watch", "--journal", journal, "--after", "1"]) == 0
    assert run(["db", "diff", "1", "2", "--journal", journal]) == 0
    change = "~ partition 1: state ready -> running"
    assert capsys.readouterr().out.splitlines() == [f"2 {change}", f"2 {change}", change]


def test_log_counts_bytes_and_json_has_them(
    journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "log", "--journal", journal]) == 0
    assert "layout=0 bytes" in capsys.readouterr().out
    assert run(["db", "log", "--journal", journal, "--json"]) == 0
    assert '"layout": ""' in capsys.readouterr().out


def test_log_is_a_line_for_each_commit(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "log", "--journal", journal, "--json"]) == 0
    log = lines(capsys)
    assert [commit["generation"] for commit in log] == [1, 2]
    (change,) = log[1]["changes"]
    assert (change["table"], change["key"]) == ("partition", [1])
    assert (change["before"]["state"], change["after"]["state"]) == ("ready", "running")


def test_check_and_export(journal: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "state.db")
    assert run(["db", "check", "--journal", journal]) == 0
    assert run(["db", "export", output, "--journal", journal, "--at", "1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == ["generation 2: all invariants hold", f"{output}: generation 1"]
    assert run(["db", "export", output, "--journal", journal]) == 2


def test_init_makes_a_journal_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "new.journal")
    assert run(["db", "init", path, "--memory", "3", "--processors", "2"]) == 0
    assert capsys.readouterr().out == f"{path}: 3 MiB, 2 processors, generation 0\n"
    assert run(["db", "init", path]) == 2


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["ls", "nothing"], 6, "table nothing: there is none of this name"),
        (["get", "partition", "7"], 6, "table partition, key 7: no such record"),
        (["get", "partition", "x"], 2, "table partition: `x`: the key is number, in numbers"),
        (["get", "slot", "1"], 2, "table slot: 1 words of a key, it has 2: processor, position"),
        (["ls", "--at", "9"], 6, "generation 9: the journal knows 0 to 2"),
        (["diff", "0", "9"], 6, "generation 9: the journal knows 0 to 2"),
        (["watch", "--after", "9"], 6, "generation 9"),
        (["log", "--last", "9"], 6, "generation 9"),
    ],
)
def test_what_is_wrong_is_said(
    journal: str,
    words: list[str],
    code: int,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["db", *words, "--journal", journal]) == code
    assert complaint in capsys.readouterr().err


def test_a_journal_in_use_or_missing_is_refused(
    journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "ls", "--journal", journal + "x"]) == 6
    from pathlib import Path

    user = FileJournal.open(Path(journal))
    assert run(["db", "ls", "--journal", journal]) == 3
    assert "another process uses this journal" in capsys.readouterr().err
    user.close()


def test_reading_a_torn_journal_leaves_it_as_it_is(
    journal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    path = Path(journal)
    torn = path.read_bytes()[:-9]
    path.write_bytes(torn)
    assert run(["db", "get", "partition", "1", "--journal", journal, "--json"]) == 0
    seen = capsys.readouterr()
    assert json.loads(seen.out)["state"] == "ready"
    assert "were never acknowledged" in seen.err
    assert path.read_bytes() == torn


def test_the_benchmark_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "resources", "--transactions", "20", "--partitions", "100"]
    assert run([*words, "--json"]) == 0
    (figures,) = lines(capsys)
    assert figures.pop("basis") == "measured on this host"
    assert figures.pop("schema") == "ultravisor.bench.resources/1"
    targets = {name: figure["target"] for name, figure in figures.items() if figure["target"]}
    assert targets == {
        "state": 10_000,
        "file": 2_000,
        "slow_down": 2,
        "channel_state": 10_000,
        "channel_map": 10_000,
        "channel_file": 2_000,
        "publication": 200,
        "host_start": 1.5,
    }
    assert all(figure["value"] > 0 for figure in figures.values())
    assert run(words) == 0
    text = capsys.readouterr().out
    assert "bare update of SQLite" in text
    assert "channel, no database" in text


def test_log_says_what_was_compacted(journal: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = FileJournal.open(Path(journal))
    database = ResourceDatabase.open(file)
    database.compact(keep=1)
    database.close()
    assert run(["db", "log", "--journal", journal, "--json"]) == 0
    shown = capsys.readouterr()
    assert [json.loads(line)["generation"] for line in shown.out.splitlines()] == [2]
    assert shown.err == (
        "generations up to 1 were compacted; a host that is brought up with --journal FILE "
        "keeps all\n"
    )
    assert run(["db", "log", "--after", "1", "--journal", journal]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "words", [["ls", "partition", "--at", "0"], ["diff", "0", "2"], ["watch", "--after", "0"]]
)
def test_what_was_compacted_is_refused(
    journal: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    database = ResourceDatabase.open(FileJournal.open(Path(journal)))
    database.compact()
    database.close()
    assert run(["db", *words, "--journal", journal]) == 6
    error = capsys.readouterr().err
    assert "generation 0: the journal was compacted and begins at 2" in error
    assert "--journal FILE keeps all its generations" in error
