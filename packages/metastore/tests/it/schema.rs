//! Schemas and migrations of both catalogs.

use futures::future::join_all;
use metastore::catalog::{self, Error, Location};
use sqlx::{Connection, SqliteConnection};

use crate::catalog::world::{Home, World};

const POSTGRES_SCHEMA: &str = include_str!("../../../../migrations/schema.postgres.txt");
const SQLITE_SCHEMA: &str = include_str!("../../../../migrations/schema.sqlite.txt");

#[tokio::test]
async fn the_embedded_schema_is_the_committed_one() {
    let world = World::sqlite().await;
    let mut connection = SqliteConnection::connect(&world.path().display().to_string()).await.unwrap();
    let lines: Vec<String> = sqlx::query_scalar(
        "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '%sqlx%' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_same_schema(&lines, SQLITE_SCHEMA);
}

#[tokio::test]
async fn the_postgres_schema_is_the_committed_one() {
    let world = World::postgres().await;
    let lines: Vec<String> = sqlx::query_scalar(
        "SELECT line FROM (
             SELECT format('%s.%s %s%s', table_name, column_name, data_type,
                           CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END) AS line
             FROM information_schema.columns WHERE table_schema = 'public'
             UNION ALL
             SELECT format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
             UNION ALL
             SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
             UNION ALL
             SELECT format('%s with %s', oid::regclass, reloptions) FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
         ) AS lines WHERE line NOT LIKE '%sqlx%' ORDER BY line COLLATE \"C\"",
    )
    .fetch_all(&mut world.connect().await)
    .await
    .unwrap();
    assert_same_schema(&lines, POSTGRES_SCHEMA);
}

fn assert_same_schema(found: &[String], committed: &str) {
    let found = found.join("\n");
    assert!(found.trim() == committed.trim(), "the migrations make another schema:\n{found}\n");
}

macro_rules! on_both_catalogs {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::World::empty_sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(super::World::empty_postgres().await).await;
            })*
        }
    };
}

on_both_catalogs! {
    a_dry_run_says_what_is_to_be_done_and_does_nothing,
    migrating_at_once_is_safe,
    an_older_schema_is_refused_with_the_command_that_mends_it,
    a_newer_schema_is_refused,
}

/// A catalog that is not migrated yet.
type Empty = (Location, Home);

async fn a_dry_run_says_what_is_to_be_done_and_does_nothing((location, _home): Empty) {
    for _ in 0..2 {
        let report = catalog::migrate(&location, true).await.unwrap();
        let steps: Vec<_> = report.steps.iter().map(|step| (step.version, step.description.as_str())).collect();
        assert_eq!(steps, [(1, "catalog"), (2, "orphans")]);
        assert_eq!((report.before.get(), report.after.get(), report.dry_run), (0, 2, true));
    }
    let report = catalog::migrate(&location, false).await.unwrap();
    assert_eq!((report.before.get(), report.after.get(), report.steps.len()), (0, 2, 2));
    let report = catalog::migrate(&location, true).await.unwrap();
    assert_eq!((report.before.get(), report.after.get(), report.steps.len()), (2, 2, 0));
}

async fn migrating_at_once_is_safe((location, _home): Empty) {
    let runs = (0..6).map(|_| {
        let location = location.clone();
        tokio::spawn(async move { catalog::migrate(&location, false).await.unwrap().steps.len() })
    });
    let steps: usize = join_all(runs).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(steps, 2, "exactly one of them did both");
}

async fn an_older_schema_is_refused_with_the_command_that_mends_it((location, home): Empty) {
    // An empty database is the oldest there is; a file has to be there to be looked at.
    let world = World::adopt(location.clone(), home).await;
    world.tamper("DELETE FROM _sqlx_migrations").await;
    let error = catalog::open_to_read(&location).await.err().unwrap();
    let Error::SchemaOlder { command, .. } = &error else { panic!("{error:?}") };
    assert!(command.starts_with("catgraft migrate --") && command.contains(&location.to_string()), "{command}");
    assert!(error.to_string().contains(&format!("has schema version 0, this program needs 2: run `{command}`")));
}

async fn a_newer_schema_is_refused((location, home): Empty) {
    let world = World::adopt(location.clone(), home).await;
    world
        .tamper(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    let opened = catalog::open_to_read(&location).await.err().unwrap();
    let migrated = catalog::migrate(&location, false).await.unwrap_err();
    let looked_at = catalog::migrate(&location, true).await.unwrap_err();
    for error in [opened, migrated, looked_at] {
        assert!(matches!(error, Error::SchemaNewer { .. }), "{error:?}");
        assert!(error.to_string().contains("has schema version 9999, made by a newer CatGraft: upgrade"), "{error}");
        assert!(error.to_string().contains("`catgraft --version`"), "{error}");
    }
}

#[test]
fn a_url_without_a_user_means_the_user_that_we_run_as() {
    let user = std::env::var("PGUSER").unwrap_or_else(|_| whoami::username().unwrap());
    let location = Location::postgres("postgres:///cat?host=/run/postgresql").unwrap();
    assert_eq!(location.to_string(), format!("postgres://{user}@/cat?host=/run/postgresql"));
    assert_ne!(user, "anonymous");
}

#[test]
fn a_location_never_shows_its_password() {
    let location = Location::postgres("postgres://ann:hunter2@db.example:6543/cat?application_name=x").unwrap();
    assert_eq!(location.to_string(), "postgres://ann@db.example:6543/cat");
    assert!(!format!("{location:?}").contains("hunter2"));
    let location = Location::postgres("postgres:///cat?host=/run/postgresql&user=ann&password=hunter2").unwrap();
    assert_eq!(location.to_string(), "postgres://ann@/cat?host=/run/postgresql");
    for bad in ["mysql://ann:hunter2@db/cat", "postgres://ann:hunter2@db:port/cat", "hunter2"] {
        let error = Location::postgres(bad).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
