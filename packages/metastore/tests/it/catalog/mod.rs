//! The conformance suite of the catalog: every case runs on both databases, and on the catalog in memory where it needs
//! no database beside the catalog.

mod commits;
mod embedded;
mod failing_server;
mod grouped;
mod orphans;
mod reading;
mod round_trips;
mod segments;
pub(crate) mod world;

macro_rules! on {
    ($world:ident { $($room:ident :: $case:ident),* $(,)? }) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            crate::catalog::$room::$case(crate::catalog::world::World::$world().await).await;
        })*
    };
}

macro_rules! catalogs {
    (on_all { $($on_all:tt)* } on_databases { $($on_databases:tt)* }) => {
        mod sqlite {
            on! { sqlite { $($on_all)* $($on_databases)* } }
        }
        mod postgres {
            on! { postgres { $($on_all)* $($on_databases)* } }
        }
        mod memory {
            on! { memory { $($on_all)* } }
        }
    };
}

catalogs! {
    on_all {
        commits::commits_of_a_volume_count_from_one_without_gaps,
        commits::of_many_commits_on_one_base_exactly_one_wins,
        commits::of_many_first_commits_exactly_one_wins,
        commits::a_retry_is_answered_with_its_commit_even_after_the_head_moved_on,
        commits::many_retries_at_once_make_one_commit,
        commits::the_same_client_with_other_content_is_refused,
        commits::a_base_behind_or_past_the_head_is_rejected,
        commits::a_lost_race_comes_before_a_bad_segment,
        commits::segments_must_exist_for_this_volume_with_these_pages,
        reading::snapshots_are_found_at_every_lsn,
        reading::a_log_is_read_in_pages_by_count,
        reading::a_log_is_read_in_pages_by_bytes,
        reading::a_log_is_read_whole_where_one_list_is_longer_than_the_others,
        reading::a_range_ends_at_the_head_and_may_be_empty,
        reading::lsns_beyond_what_sql_counts_are_not_found,
        reading::volumes_are_listed_by_id,
        reading::a_volume_is_added_up,
        reading::heads_are_read_of_volumes_that_exist,
        orphans::only_what_no_commit_names_for_the_grace_period_is_doomed,
        orphans::a_segment_that_was_registered_late_is_left_alone_for_the_grace_period_too,
        orphans::every_segment_is_looked_at_once,
        orphans::a_commit_that_names_a_doomed_segment_is_refused_as_if_it_were_not_there,
        orphans::a_doomed_segment_is_due_a_grace_period_later_and_its_rows_go_last,
        orphans::a_segment_that_a_commit_took_while_it_was_doomed_is_pardoned,
        orphans::a_doomed_segment_is_not_registered_again,
        orphans::an_object_without_a_row_gets_one_and_goes_the_same_way,
        orphans::the_commit_is_found_in_whichever_log_and_wherever_it_is,
        orphans::the_commit_is_found_in_the_last_of_thousands_of_volumes,
        orphans::behind_segments_that_are_pardoned_others_are_due,
        orphans::searches_at_once_and_commits_beside_them_lose_nothing,
        segments::a_segment_is_read_as_it_was_registered,
        segments::registering_again_changes_nothing,
        segments::a_segment_with_other_content_is_refused,
        segments::many_tasks_may_register_one_segment_at_once,
    }
    on_databases {
        commits::a_damaged_log_row_is_an_error,
        reading::a_catalog_opened_to_read_refuses_writes,
        orphans::an_object_whose_row_was_lost_is_kept_for_the_commit_that_names_it,
        orphans::a_long_log_is_searched_from_when_the_segment_was_registered,
        orphans::segments_are_kept_where_a_log_that_may_name_them_is_damaged,
    }
}
