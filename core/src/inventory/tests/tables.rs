//! What each order comes to, in each state.

use super::script::check;

#[test]
fn the_last_unit_goes_to_one() {
    check(
        "open S1; receive S1 5; hold A S1 3 ok; hold B S1 3 out_of_stock:2; level S1 5/3/0
         tick 15m expires A; hold B S1 3 ok; hold C S1 2; hold D S1 1 out_of_stock:0",
    );
}

#[test]
fn from_hold_to_shipment() {
    check(
        "open S1; receive S1 5; hold A S1 2; level S1 5/2/0; pin A P1; level S1 5/2/0
         commit A; level S1 5/0/2; ship A; level S1 3/0/0; holds 0 ended 1",
    );
}

#[test]
fn a_sku_is_known_once_it_was_opened() {
    check(
        "adjust S1 1 unknown_sku; hold A S1 1 unknown_sku; receive S1 5; restock S1 5; hold A S1 1 not_for_sale",
    );
    check(
        "hold A S1 1 unknown_sku; open S1; open S1 same; hold A S1 1 out_of_stock:0; close S1; close S1 same",
    );
    check("open S1; close S1; receive S1 5; restock S1 1; adjust S1 -1; level S1 5/0/0; open S1");
}

#[test]
fn a_sku_of_another_shard_is_never_opened() {
    check("open X1 unknown_sku; receive X1 1 unknown_sku; hold A X1 1 unknown_sku");
}

#[test]
fn closing_ends_sales_and_nothing_else() {
    check(
        "open S1; receive S1 9; hold A S1 1; hold B S1 1; hold C S1 1; pin B P1; hold E S1 1; pin E P2; commit E
         close S1; hold D S1 1 not_for_sale; hold A S1 1 same; pin A P3; commit A; commit B; ship B
         undo C; undo E; level S1 8/0/1; undo A; level S1 8/0/0; open S1; hold D S1 8",
    );
}

#[test]
fn quantities_have_bounds() {
    check("open S1; receive S1 0 invalid_quantity; receive S1 1000001 invalid_quantity; receive S1 1000000");
    check("open S1; restock S1 0 invalid_quantity; restock S1 4294967295 invalid_quantity");
    check(
        "open S1; receive S1 5; hold A S1 0 invalid_quantity; hold A S1 1000001 invalid_quantity; hold A S1 1",
    );
    check("open S1; adjust S1 0 invalid_quantity; adjust S1 1000001 invalid_quantity");
    check(
        "open S1; receive S1 1; adjust S1 -1000001 invalid_quantity; adjust S1 -9223372036854775808 invalid_quantity",
    );
    check("open S1; adjust S1 -1 out_of_range; level S1 0/0/0");
}

#[test]
fn a_count_never_takes_what_is_promised() {
    check(
        "open S1; receive S1 5; hold A S1 2; hold B S1 1; pin B P1; commit B
         adjust S1 -3 out_of_range; adjust S1 -2; level S1 3/2/1; adjust S1 -1 out_of_range; adjust S1 4; level S1 7/2/1",
    );
    check(
        "open S1; receive S1 5; adjust S1 -1 L1 out_of_range; adjust S1 1 L1; level S1 L1 1/0/0; level S1 5/0/0",
    );
}

#[test]
fn a_movement_happens_once() {
    check(
        "open S1; receive S1 5 M1; receive S1 5 M1 same
         restock S1 2 M2; restock S1 2 M2 same; adjust S1 -1 M3; adjust S1 -1 M3 same; level S1 6/0/0",
    );
    check("open S1; receive S1 5 M1; close S1; receive S1 5 M1 same; receive S1 0 M1 movement_reused");
    // What was refused did not happen and may come again under its name.
    check("open S1; adjust S1 -1 M1 out_of_range; receive S1 5; adjust S1 -1 M1; level S1 4/0/0");
}

#[test]
fn another_movement_under_a_known_name_is_refused() {
    check(
        "open S1; receive S1 5 M1; receive S1 9 M1 movement_reused; receive S1 5 L1 M1 movement_reused
         restock S1 5 M1 movement_reused; adjust S1 5 M1 movement_reused; receive S1 5 M1 same; level S1 5/0/0
         adjust S1 -1 M2; adjust S1 -2 M2 movement_reused; adjust S1 -1 L1 M2 movement_reused; receive S1 1 M2 movement_reused
         adjust S1 -1 M2 same; level S1 4/0/0",
    );
}

#[test]
fn movements_are_forgotten_long_after_their_requests() {
    check("open S1; receive S1 5 M1; tick 60d; open S2; receive S1 5 M1 same; level S1 5/0/0");
    check("open S1; receive S1 5 M1; tick 60d; tick 1ms; open S2; receive S1 5 M1; level S1 10/0/0");
}

#[test]
fn deadlines_lie_ahead_and_within_a_day() {
    check(
        "open S1; receive S1 5; hold A S1 1 until 0ms invalid_deadline; hold A S1 1 until 1ms; tick 1ms expires A",
    );
    check("open S1; receive S1 5; hold A S1 1 until 24h; hold B S1 1 until 25h invalid_deadline");
    check(
        "open S1; receive S1 5; tick 10m; hold A S1 1 until 9m invalid_deadline; hold A S1 1 until 10m invalid_deadline",
    );
    check(
        "open S1; receive S1 5; hold A S1 1 until 10m P1; unpin A until 25h invalid_deadline; unpin A until 0ms invalid_deadline",
    );
    // A pin from the start does not excuse a deadline that has passed: the request is an old one.
    check("open S1; receive S1 5; tick 10m; hold A S1 1 until 9m P1 invalid_deadline");
}

#[test]
fn a_deadline_ends_a_hold_before_anything_else_is_decided() {
    check(
        "open S1; receive S1 1; hold A S1 1 until 10m; tick 9m; hold B S1 1 out_of_stock:0; tick 60s expires A; pin A P1 ended:expired",
    );
    check(
        "open S1; receive S1 2; hold B S1 1 until 11m; hold A S1 1 until 10m; tick 12m expires A B; commit A ended:expired; tick 1ms; open S2; commit A unknown_hold",
    );
}

#[test]
fn the_same_hold_again_is_the_same_hold() {
    check(
        "open S1; open S2; receive S1 5; receive S2 5; hold A S1 2; hold A S1 2 same; hold A S1 2 until 20m same
         hold A S1 3 mismatch; hold A S2 2 mismatch; hold A S1 2 P1 mismatch; level S1 5/2/0; tick 15m expires A",
    );
    check(
        "open S1; receive S1 5; hold A S1 2 P1; hold A S1 2 P1 same; hold A S1 2 same; hold A S1 2 P2 mismatch",
    );
    check(
        "open S1; receive S1 5; hold A S1 2 P1; commit A; hold A S1 2 P1 same; hold A S1 2 same; hold A S1 1 mismatch",
    );
}

#[test]
fn a_pinned_hold_waits_for_its_payment() {
    check(
        "open S1; receive S1 1; hold A S1 1; pin A P1; tick 30d; hold B S1 1 out_of_stock:0; commit A; ship A",
    );
    check("open S1; receive S1 1; hold A S1 1 P1; tick 1h; commit A");
    check("open S1; receive S1 1; hold A S1 1; pin A P1; pin A P2 mismatch; commit A; pin A P1 wrong_state");
    check(
        "open S1; receive S1 1; hold A S1 1; pin A P1; tick 1h; unpin A until 61m; tick 60s expires A; commit A ended:expired",
    );
}

#[test]
fn only_a_pinned_hold_is_committed_and_once() {
    check(
        "open S1; receive S1 1; hold A S1 1; commit A wrong_state; pin A P1; commit A; commit A same; level S1 1/0/1",
    );
    check("open S1; commit A unknown_hold; pin A P1 unknown_hold; unpin A unknown_hold; ship A unknown_hold");
    check(
        "open S1; receive S1 1; hold A S1 1; ship A wrong_state; pin A P1; ship A wrong_state; commit A; unpin A wrong_state; ship A; ship A same; level S1 0/0/0",
    );
}

#[test]
fn an_undo_names_the_hold_and_not_its_state() {
    check("open S1; receive S1 3; hold A S1 1; undo A; undo A same; level S1 3/0/0");
    check("open S1; receive S1 3; hold A S1 1; pin A P1; undo A; undo A same; level S1 3/0/0");
    check("open S1; receive S1 3; hold A S1 1; pin A P1; commit A; undo A; undo A same; level S1 3/0/0");
    check(
        "open S1; receive S1 3; hold A S1 1; pin A P1; commit A; ship A; undo A ended:shipped; level S1 2/0/0",
    );
    check("open S1; receive S1 3; hold A S1 1; tick 15m expires A; undo A same");
}

#[test]
fn an_ended_hold_stays_ended() {
    for (end, how) in [
        ("undo A", "released"),
        ("tick 10m expires A", "expired"),
        ("pin A P1; commit A; undo A", "deallocated"),
        ("pin A P1; commit A; ship A", "shipped"),
    ] {
        let ship = if how == "shipped" { "same".to_owned() } else { format!("ended:{how}") };
        check(&format!(
            "open S1; receive S1 3; hold A S1 1 until 10m; {end}; hold A S1 1 ended:{how}
             pin A P1 ended:{how}; unpin A ended:{how}; commit A ended:{how}; ship A {ship}; holds 0 ended 1"
        ));
    }
}

#[test]
fn an_undo_that_overtakes_its_hold_bars_it() {
    check(
        "open S1; receive S1 3; #2 undo A; holds 0 ended 1; #1 hold A S1 1 ended:barred; undo A same; level S1 3/0/0",
    );
    check(
        "open S1; receive S1 3; #2 undo A until 10m; tick 10m; #1 hold A S1 1 until 10m ended:barred; tick 1ms; open S2; #1 hold A S1 1 until 10m invalid_deadline",
    );
    // Once something has happened after its deadline the hold is refused anyway, and nothing need be remembered.
    check(
        "open S1; receive S1 3; tick 11m; open S2; undo A until 10m same; holds 0 ended 0; hold A S1 1 until 10m invalid_deadline",
    );
    // Until then only the clock says that the deadline is over, and the clock of the next owner may be behind.
    check(
        "open S1; receive S1 3; tick 11m; undo A until 10m; holds 0 ended 1; hold A S1 1 until 10m ended:barred",
    );
}

#[test]
fn an_older_order_is_stale() {
    check(
        "open S1; receive S1 3; #5 hold A S1 1; #4 pin A P1 stale; #4 commit A stale; #4 undo A stale; #4 hold A S1 1 stale; #4 ship A stale; #4 unpin A stale; #5 hold A S1 1 same",
    );
    check("open S1; receive S1 3; #1 hold A S1 1; #5 pin A P1; #3 unpin A stale; #4 undo A stale; commit A");
    check("open S1; receive S1 3; #1 hold A S1 1; #5 pin A P1; #7 commit A; #6 undo A stale; level S1 3/0/1");
}

#[test]
fn the_highest_seq_is_kept_even_where_nothing_else_changes() {
    // An unpin that overtakes its pin: the pin must not come to life afterwards and keep the unit for ever.
    check("open S1; receive S1 1; #1 hold A S1 1; #5 unpin A; #3 pin A P1 stale; tick 15m expires A");
    // A second pin that overtakes the unpin before it.
    check(
        "open S1; receive S1 1; #1 hold A S1 1; #3 pin A P1; #7 pin A P1; #5 unpin A stale; tick 1h; commit A",
    );
    check(
        "open S1; receive S1 1; #1 hold A S1 1; #3 pin A P1; #3 pin A P1 same; #5 unpin A; #5 unpin A same",
    );
}

#[test]
fn the_name_of_a_hold_is_barred_until_its_latest_deadline() {
    // Unpinned with a nearer deadline than the one it was asked with: the first order may still come again.
    check(
        "open S1; receive S1 1; #1 hold A S1 1 until 60m; pin A P1; unpin A until 5m; tick 5m expires A
         tick 60s; open S2; #1 hold A S1 1 until 60m ended:expired; undo A until 60m same; tick 60m; close S2
         #1 hold A S1 1 until 60m invalid_deadline",
    );
    check(
        "open S1; receive S1 1; hold A S1 1 until 10m; pin A P1; unpin A until 90m; undo A; tick 60m; close S1; open S1
         hold A S1 1 until 90m ended:released",
    );
}

#[test]
fn ended_holds_are_forgotten() {
    check(
        "open S1; receive S1 3; hold A S1 1 until 10m; undo A; holds 0 ended 1; tick 11m; open S2; holds 0 ended 0",
    );
    check(
        "open S1; receive S1 3; hold A S1 1 P1; commit A; ship A; tick 29d; open S2; holds 0 ended 1; tick 2d; close S2; holds 0 ended 0",
    );
}

#[test]
fn a_hold_lies_at_one_location_that_the_shard_chooses() {
    // The fewest units that suffice, so that large rests stay together.
    check(
        "open S1; receive S1 5; receive S1 3 L1; hold A S1 2; level S1 L1 3/2/0; hold B S1 2; level S1 5/2/0; hold C S1 4 out_of_stock:3; hold D S1 3; hold E S1 1",
    );
    check(
        "open S1; receive S1 3; receive S1 3 L1; hold A S1 1; level S1 3/1/0; hold B S1 6 out_of_stock:3; undo A; restock S1 1 L1; level S1 L1 4/0/0",
    );
}
