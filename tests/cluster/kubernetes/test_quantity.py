from decimal import Decimal

import pytest

from paretoseg.cluster.kubernetes.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("4", "4"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("16Gi", 16 * 2**30),
        ("1Ki", 1024),
        ("2k", 2000),
        ("1G", 10**9),
        ("3e2", 300),
        ("1E", 10**18),
        ("100n", "1e-7"),
    ],
)
def test_quantities_by_hand(text, amount):
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("16GB", "did you mean 16Gi?"),
        ("16gb", "did you mean 16Gi?"),
        ("16 Gi", "did you mean 16Gi?"),
        ("512mib", "did you mean 512Mi?"),
        ("", "got ''"),
        ("lots", "got 'lots'"),
        ("1Gi\n", "got '1Gi"),
        ("0x10", "got '0x10'"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_it_may_mean(text, hint):
    with pytest.raises(ValueError, match="must be a quantity such as 4, 500m or 16Gi") as refusal:
        parse_quantity(text)
    assert hint in str(refusal.value)
