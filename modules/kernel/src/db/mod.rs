//! One database handle over SQLite and PostgreSQL: one SQL text, each engine's own column types.
mod failed;
mod group;

use std::{
    borrow::Cow,
    path::Path,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Encode, FromRow, PgConnection, Postgres, Sqlite, SqlitePool,
    Transaction, Type,
    error::BoxDynError,
    migrate::{Migration, Migrator},
    postgres::{PgArguments, PgConnectOptions, PgRow},
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use self::group::{Member, Writer};
use crate::{Primary, StartError};

/// A value that both engines store.
pub trait Bind: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres> {}
impl<T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>> Bind for T {}

/// A row that both engines return; `#[derive(FromRow)]` is all it takes.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Record for T {}

/// A module's own database: a SQLite file, or a PostgreSQL schema.
#[derive(Debug, Clone)]
pub enum Db {
    /// One connection writes, so that writers queue here and not at the file's lock, and share a commit; many read.
    Sqlite {
        /// For everything but `SELECT`.
        writer: Writer,
        /// For `SELECT` outside a transaction.
        reader: SqlitePool,
    },
    /// A pool whose connections see one schema, of whichever server is the primary.
    Postgres(Primary),
}

/// A transaction; dropping it rolls it back.
#[derive(Debug)]
pub enum Tx {
    /// Has the file's one writer.
    Sqlite(Member),
    /// Read committed: guard every read-then-write with a condition or [`Query::for_update`].
    Postgres(Transaction<'static, Postgres>),
}

/// Where a statement runs: `&Db` for one of its own, `&mut Tx` for one among others.
pub trait Executor<'c>: Send {
    /// Starts a statement.
    fn query(self, sql: &'static str) -> Query<'c>;
}

impl<'c> Executor<'c> for &'c Db {
    fn query(self, sql: &'static str) -> Query<'c> {
        let on = match self {
            Db::Sqlite { writer, reader } => {
                let args = SqliteArguments::default();
                if is_select(sql) { On::SqliteReader(reader, args) } else { On::SqliteWriter(writer, args) }
            }
            Db::Postgres(primary) => On::PgPool(primary, PgArguments::default()),
        };
        Query::new(sql, on)
    }
}

fn is_select(sql: &str) -> bool {
    sql.trim_start().starts_with("SELECT")
}

impl<'c> Executor<'c> for &'c mut Tx {
    fn query(self, sql: &'static str) -> Query<'c> {
        let on = match self {
            Tx::Sqlite(tx) => On::SqliteTx(tx, SqliteArguments::default()),
            Tx::Postgres(tx) => On::PgTx(tx, PgArguments::default()),
        };
        Query::new(sql, on)
    }
}

/// A statement and what has been bound to it.
#[must_use = "a statement does nothing until it is fetched or executed"]
pub struct Query<'c> {
    sql: Cow<'static, str>,
    on: On<'c>,
    bound: Result<(), BoxDynError>,
}

enum On<'c> {
    SqliteReader(&'c SqlitePool, SqliteArguments),
    SqliteWriter(&'c Writer, SqliteArguments),
    SqliteTx(&'c mut Member, SqliteArguments),
    PgPool(&'c Primary, PgArguments),
    PgTx(&'c mut PgConnection, PgArguments),
}

/// Counts what the databases of this process are asked to do.
fn count(what: &'static str) {
    metrics::counter!(what).increment(1);
}

/// Counts a commit that waited for the disk, if it `did`: of a transaction, or of a statement alone.
fn synced(did: bool) {
    if did {
        count("stoa_database_syncs_total");
    }
}

/// Repeats `$body` for each engine and executor, as only their types differ; `$changed` says of what it gave whether a
/// statement that is a transaction of its own has changed something.
macro_rules! run {
    ($query:expr, |$sql:ident, $args:ident, $on:ident| $body:expr, |$given:ident| $changed:expr) => {{
        $query.bound.map_err(sqlx::Error::Encode)?;
        count("stoa_database_statements_total");
        // Every text is a literal of ours; what is added to it are placeholders.
        let $sql = AssertSqlSafe($query.sql.into_owned());
        match $query.on {
            On::SqliteReader($on, $args) => $body,
            On::SqliteWriter(writer, $args) => {
                let mut member = writer.begin().await?;
                let $on = member.connection()?;
                let $given = $body?;
                member.commit($changed).await?;
                Ok($given)
            }
            On::SqliteTx(member, $args) => {
                let $on = member.connection()?;
                let done = $body;
                member.note(done)
            }
            On::PgPool(primary, $args) => {
                let commits = !is_select($sql.0.as_str());
                let mut connection = primary.acquire().await?;
                let $on = &mut *connection;
                let $given = $body?;
                synced(commits && $changed);
                Ok($given)
            }
            On::PgTx($on, $args) => $body,
        }
    }};
}

impl<'c> Query<'c> {
    fn new(sql: &'static str, on: On<'c>) -> Self {
        Self { sql: sql.into(), on, bound: Ok(()) }
    }

    /// Binds the next placeholder, counting from `$1`.
    pub fn bind(mut self, value: impl Bind) -> Self {
        let bound = match &mut self.on {
            On::SqliteReader(_, args) | On::SqliteWriter(_, args) | On::SqliteTx(_, args) => {
                Arguments::add(args, value)
            }
            On::PgPool(_, args) | On::PgTx(_, args) => args.add(value),
        };
        self.bound = self.bound.and(bound);
        self
    }

    /// Binds a whole list where the statement says `IN ($*)`; the list comes last.
    pub fn bind_list(mut self, values: impl IntoIterator<Item = impl Bind>) -> Self {
        let mut list = String::new();
        for value in values {
            self = self.bind(value);
            let separator = if list.is_empty() { "" } else { ", " };
            list += &format!("{separator}${}", self.len());
        }
        let list = if list.is_empty() { "NULL" } else { &list };
        self.sql = self.sql.replacen("$*", list, 1).into();
        self
    }

    /// Binds a table of two columns, `column1` and `column2`, where the statement says `(VALUES $*)`; it comes last.
    pub fn bind_pairs(mut self, pairs: impl IntoIterator<Item = (impl Bind, impl Bind)>) -> Self {
        let mut rows = String::new();
        for (one, other) in pairs {
            self = self.bind(one).bind(other);
            let (separator, last) = (if rows.is_empty() { "" } else { ", " }, self.len());
            rows += &format!("{separator}(${}, ${last})", last - 1);
        }
        self.sql = self.sql.replacen("$*", &rows, 1).into();
        self
    }

    /// Locks the rows read until the transaction ends. SQLite's transaction holds the lock already.
    pub fn for_update(mut self) -> Self {
        if let On::PgTx(..) = self.on {
            self.sql.to_mut().push_str(" FOR UPDATE");
        }
        self
    }

    /// Locks the rows read, and passes over those that somebody else has locked.
    pub fn for_update_skip_locked(mut self) -> Self {
        if let On::PgTx(..) = self.on {
            self.sql.to_mut().push_str(" FOR UPDATE SKIP LOCKED");
        }
        self
    }

    fn len(&self) -> usize {
        match &self.on {
            On::SqliteReader(_, args) | On::SqliteWriter(_, args) | On::SqliteTx(_, args) => args.len(),
            On::PgPool(_, args) | On::PgTx(_, args) => args.len(),
        }
    }

    /// The one row there must be.
    pub async fn fetch_one<R: Record>(self) -> sqlx::Result<R> {
        run!(self, |sql, args, on| sqlx::query_as_with(sql, args).fetch_one(on).await, |row| true)
    }

    /// The row, if there is one.
    pub async fn fetch_optional<R: Record>(self) -> sqlx::Result<Option<R>> {
        run!(self, |sql, args, on| sqlx::query_as_with::<_, R, _>(sql, args).fetch_optional(on).await, |row| row
            .is_some())
    }

    /// Every row.
    pub async fn fetch_all<R: Record>(self) -> sqlx::Result<Vec<R>> {
        run!(self, |sql, args, on| sqlx::query_as_with::<_, R, _>(sql, args).fetch_all(on).await, |rows| !rows
            .is_empty())
    }

    /// The time that the statement asks for, and since when it was asked; none on SQLite, which has no clock of its own.
    pub(crate) async fn time(self) -> sqlx::Result<Option<(DateTime<Utc>, Instant)>> {
        if let On::SqliteReader(..) | On::SqliteWriter(..) | On::SqliteTx(..) = self.on {
            return Ok(None);
        }
        let ask = run!(
            self,
            |sql, args, on| {
                // Not before there is a connection, for which one may wait.
                let asked = Instant::now();
                let told = sqlx::query_as_with::<_, (DateTime<Utc>,), _>(sql, args).fetch_one(on).await;
                told.map(|(told,)| (told, asked))
            },
            |told| false
        );
        ask.map(Some)
    }

    /// How many rows the statement changed.
    pub async fn execute(self) -> sqlx::Result<u64> {
        run!(
            self,
            |sql, args, on| sqlx::query_with(sql, args).execute(on).await.map(|done| done.rows_affected()),
            |rows| rows > 0
        )
    }
}

/// Statements slower than this are logged.
const SLOW: Duration = Duration::from_secs(1);

impl Db {
    /// Opens the SQLite file at `path`, and makes it where there is none.
    ///
    /// `synchronous = FULL`: a commit that was answered has reached the disk.
    pub async fn sqlite(path: &Path, readers: u32) -> Result<Self, StartError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .log_slow_statements(tracing::log::LevelFilter::Warn, SLOW);
        let opened = Writer::open(options.clone()).await;
        let writer = opened.map_err(|error| format!("cannot open the database file {}: {error}", path.display()))?;
        let reader = SqlitePoolOptions::new()
            .test_before_acquire(false)
            .acquire_timeout(Duration::from_secs(5))
            .min_connections(1)
            .max_connections(readers)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self::Sqlite { writer, reader })
    }

    /// Connects to PostgreSQL at `url` and keeps to `schema`, which it makes where there is none.
    pub async fn postgres(url: &str, schema: &str, connections: u32) -> Result<Self, StartError> {
        let refused = |error| format!("cannot use the database in `database.url`: {error}");
        let setup = |server: PgConnectOptions| {
            server.options([("search_path", schema)]).log_slow_statements(tracing::log::LevelFilter::Warn, SLOW)
        };
        let primary = Primary::open(url, connections, setup).await.map_err(refused)?;
        let db = Self::Postgres(primary.clone());
        // Looked up first: a role that may not create schemas can be given one.
        let exists: Option<(i32,)> =
            db.query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(schema).fetch_optional().await?;
        if exists.is_none() {
            let sql = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
            #[expect(clippy::disallowed_methods, reason = "an identifier cannot be bound; it is a name of ours")]
            let made = sqlx::query(sql).execute(&primary.pool()).await;
            // Two replicas that start at once may both find none: IF NOT EXISTS looks before it waits for the other.
            let elsewhere =
                |error: &sqlx::Error| matches!(error, sqlx::Error::Database(it) if it.is_unique_violation());
            made.map(drop).or_else(|error| if elsewhere(&error) { Ok(()) } else { Err(refused(error.into())) })?;
        }
        Ok(db)
    }

    /// Applies those of `migrations` that this engine has and that are not applied yet.
    pub async fn migrate(&self, migrations: impl IntoIterator<Item = &Migration>) -> Result<(), StartError> {
        let other = match self {
            Self::Sqlite { .. } => ".postgres",
            Self::Postgres(_) => ".sqlite",
        };
        let mine = migrations.into_iter().filter(|migration| !migration.description.ends_with(other));
        let mut mine = Migrator::with_migrations(mine.cloned().collect());
        // A newer release may have migrated already; the older one still serves on its schema.
        mine.set_ignore_missing(true);
        match self {
            Self::Sqlite { writer, .. } => {
                let mut connection = writer.another().await?;
                mine.run(&mut connection).await?;
                connection.close().await?;
            }
            Self::Postgres(primary) => mine.run(&primary.pool()).await?,
        }
        Ok(())
    }

    /// Opens a transaction. On SQLite it takes the write lock at once, so that it cannot lose it later.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        count("stoa_database_transactions_total");
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin().await?),
            Self::Postgres(primary) => {
                // A `begin()` that is cancelled half-way returns a connection with an open transaction to
                // the pool (sqlx 0.9). In a task of its own it is never cancelled, and what nobody waits
                // for any more is rolled back when it is dropped.
                let primary = primary.clone();
                #[expect(clippy::disallowed_methods, reason = "it ends by itself, at the pool's time limit")]
                let begun = tokio::spawn(async move { primary.begin().await });
                Tx::Postgres(begun.await.map_err(|_| sqlx::Error::PoolClosed)??)
            }
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        self.query("SELECT 1").execute().await.map(drop)
    }

    /// Closes every connection; what runs is finished first.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Self::Postgres(primary) => primary.pool().close().await,
        }
    }
}

impl Tx {
    /// Makes it so.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(member) => member.commit(true).await,
            Self::Postgres(tx) => {
                tx.commit().await?;
                count("stoa_database_commits_total");
                synced(true);
                Ok(())
            }
        }
    }
}
