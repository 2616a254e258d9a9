"""What can be known of a mainland mobile number without asking: its form.

The one thing to know: phone libraries refuse prefixes that are in use (18 of them when counted), so only the form decides.
"""

from __future__ import annotations

import re

MOBILE_FORMAT = "mobile_format"

_MOBILE = re.compile("1[3-9][0-9]{9}")


def check_mobile(text: str) -> tuple[str, ...]:
    """Name what is wrong with a normalised mobile number: 11 digits, the first 1, the second 3 to 9 (SPREADSHEETS, "mobile").

    >>> check_mobile("13800138000"), check_mobile("12800138000")
    ((), ('mobile_format',))
    """
    return () if _MOBILE.fullmatch(text) else (MOBILE_FORMAT,)
