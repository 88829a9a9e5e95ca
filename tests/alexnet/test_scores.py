"""Top-1 and top-5 error."""

from alexnet_checks import check_errors


def test_errors_against_their_definition() -> None:
    check_errors()
