import gc
import sys

import pytest

from paretoseg.search.running.importing import import_ahead, importing


def test_no_garbage_is_collected_during_imports_and_what_stays_is_not_walked_again():
    frozen_before = gc.get_freeze_count()
    try:
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen_before
    finally:
        gc.unfreeze()


def test_collection_goes_on_after_an_import_that_failed():
    try:
        with pytest.raises(ImportError), importing():
            raise ImportError("no such module")
        assert gc.isenabled()
    finally:
        gc.unfreeze()


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        (tmp_path / "slow_module.py").write_text(text)

    yield write
    sys.modules.pop("slow_module", None)
    gc.unfreeze()


def test_what_is_imported_ahead_is_there_whole_for_who_imports_it_meanwhile(slow_module):
    slow_module("import time\ntime.sleep(0.3)\nANSWER = 42\n")
    thread = import_ahead("slow_module")
    import slow_module as found

    assert found.ANSWER == 42
    thread.join()


def test_a_module_that_cannot_be_imported_says_so_where_it_is_needed(slow_module):
    slow_module("raise ImportError('a library is missing')\n")
    import_ahead("slow_module").join()
    with pytest.raises(ImportError, match="a library is missing"):
        import slow_module
    assert gc.isenabled()
