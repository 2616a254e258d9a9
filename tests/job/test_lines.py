"""A row's question is the same in every pass, whether it was kept or thought out again."""

import batchverify.job.lines as lines_module
from batchverify.job.clock import SystemClock
from batchverify.job.lines import Lines
from batchverify.job.options import Asking
from batchverify.job.plan import day_of
from batchverify.job.realm import open_realm
from batchverify.model import Product
from batchverify.tables.columns import choose_columns
from batchverify.tables.reader import open_table
from batchverify.vendor.products import ROUTES
from tests.builders import a_row, a_sheet, rows


def test_what_a_row_asks_is_the_same_in_every_pass_kept_or_not(tmp_path, home, monkeypatch):
    monkeypatch.setattr(lines_module, "KEPT", 4)
    people = [*rows(3), a_row(4, idCard="110101199003070012"), *rows(4, first=5), a_row(1)]
    clock = SystemClock()
    with (
        open_realm(home, simulated=True, clock=clock) as realm,
        open_table(a_sheet(tmp_path, people), temporary=realm.home.tmp) as table,
    ):
        columns = choose_columns(table, wanted=ROUTES[Product.BANK3][1])
        lines = Lines(table=table, columns=columns, asking=Asking(), vault=realm.vault, today=day_of(clock.now()))

        first, second = list(lines), list(lines)
        begun = iter(lines)
        halves = [next(begun), *lines, *begun]

        assert first == second == halves[1:10]
        assert halves[0] == first[0]
        assert halves[10:] == first[1:]
        assert [line.key is None for line in first] == [False, False, False, True, False, False, False, False, False]
        assert first[0].key == first[-1].key
        assert [len(batch) for batch in lines.batches(4)] == [4, 4, 1]
