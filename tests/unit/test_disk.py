"""Files appear whole or not at all. What a full and a closed disk do is in test_faults.py."""

import pytest
import torch

from helpers.disk import reason, save_whole, whole_file


def test_a_file_takes_the_old_one_s_place_only_when_all_went_well(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text("half")
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["run.txt"]
    with whole_file(str(path)) as part:
        part.write_text("new")
    assert path.read_text() == "new" and [p.name for p in tmp_path.iterdir()] == ["run.txt"]


def test_what_torch_saves_is_read_back(tmp_path):
    state = {"weights": torch.arange(5.0), "done": 3}
    save_whole(state, tmp_path / "run.pt")
    found = torch.load(tmp_path / "run.pt", weights_only=True)
    assert found["done"] == 3 and torch.equal(found["weights"], state["weights"])


def test_a_folder_that_is_not_there_is_said_with_the_room_above_it(tmp_path):
    path = tmp_path / "nowhere" / "run.pt"
    with pytest.raises(OSError, match="run.pt cannot be written: No such file or directory") as e:
        save_whole({}, path)
    assert "MB are free there" in str(e.value) and "untouched" not in str(e.value)
    assert "MB are free there" in reason(OSError("why"), path) and "why" in reason(
        OSError("why"), path
    )
