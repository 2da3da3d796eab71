import gc

import pytest

from search.importing import importing


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
