//! Transactions on one SQLite file that wait for its one writer share a COMMIT, and so one wait for the disk.
//!
//! The connection is handed from one to the next, each a savepoint in the group's transaction. Who is ready waits for
//! the COMMIT, which comes when nobody is left who waits for the connection, or the first has waited for long enough.
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_executor::block_on;
use sqlx::{
    Connection, Error, SqliteConnection,
    sqlite::{SqliteArguments, SqliteConnectOptions},
};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use super::{count, failed::Failed, synced};

/// So many transactions share a COMMIT at the most,
const MEMBERS: usize = 64;
/// and after this the first does not wait for another one.
const BOUND: Duration = Duration::from_millis(2);
/// How long one waits for the connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The one connection that writes, and those who wait for it.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    options: SqliteConnectOptions,
    /// What must not be left half-way runs here, whoever stops waiting for it.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Option<Group>,
    waiting: VecDeque<oneshot::Sender<Member>>,
    closed: bool,
}

/// The connection with its open transaction, if it has one, and those in it who wait for the COMMIT.
#[derive(Debug, Default)]
struct Group {
    /// Opened anew where what became of the last one is not certain.
    connection: Option<SqliteConnection>,
    open: bool,
    changed: bool,
    ready: Vec<oneshot::Sender<sqlx::Result<()>>>,
    since: Option<Instant>,
}

/// Whose turn it is; dropped, it undoes what it has done, and it is the next one's turn.
#[derive(Debug)]
pub struct Member {
    queue: Arc<Queue>,
    group: Option<Group>,
    begun: bool,
    failed: Option<Failed>,
}

impl Writer {
    pub(super) async fn open(options: SqliteConnectOptions) -> sqlx::Result<Self> {
        let connection = Some(SqliteConnection::connect_with(&options).await?);
        let idle = Some(Group { connection, ..Group::default() });
        let state = Mutex::new(State { idle, ..State::default() });
        Ok(Self(Arc::new(Queue { options, runtime: Handle::current(), state })))
    }

    /// Begins a transaction once it is its turn.
    pub(super) async fn begin(&self) -> sqlx::Result<Member> {
        let turn = self.0.turn(|state| !state.closed).ok_or(Error::PoolClosed)?;
        let mut member =
            timeout(PATIENCE, turn).await.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?;
        member.begin().await?;
        Ok(member)
    }

    /// A connection to the same file, for what brings its own transactions.
    pub async fn another(&self) -> sqlx::Result<SqliteConnection> {
        SqliteConnection::connect_with(&self.0.options).await
    }

    /// Closes the connection once everything that runs is done; who waits to begin is refused.
    pub(super) async fn close(&self) {
        let turn = self.0.turn(|state| {
            state.closed = true;
            state.waiting.clear();
            true
        });
        let Some(turn) = turn else { return };
        let Ok(mut member) = turn.await else { return };
        let connection = member.group.as_mut().and_then(|group| group.connection.take());
        if let Some(connection) = connection {
            connection.close().await.ok();
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins those who wait, if it `may`.
    fn turn(self: &Arc<Self>, may: impl FnOnce(&mut State) -> bool) -> Option<oneshot::Receiver<Member>> {
        let mut state = self.state();
        if !may(&mut state) {
            return None;
        }
        let (turn, told) = oneshot::channel();
        state.waiting.push_back(turn);
        if let Some(group) = state.idle.take() {
            drop(state);
            self.hand_on(group);
        }
        Some(told)
    }

    /// Gives the connection to whoever is next; back comes one whose COMMIT is due.
    fn hand_on(self: &Arc<Self>, mut group: Group) -> Option<Group> {
        let mut state = self.state();
        loop {
            while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                state.waiting.pop_front();
            }
            let late = group.ready.len() >= MEMBERS || group.since.is_some_and(|since| since.elapsed() >= BOUND);
            if !group.ready.is_empty() && (late || state.closed || state.waiting.is_empty()) {
                return Some(group);
            }
            let Some(next) = state.waiting.pop_front() else {
                state.idle = Some(group);
                return None;
            };
            let member = Member { queue: self.clone(), group: Some(group), begun: false, failed: None };
            let Err(mut refused) = next.send(member) else { return None };
            group = refused.group.take().unwrap_or_default();
        }
    }

    /// The same, with every COMMIT that is due.
    async fn go_on(self: Arc<Self>, mut group: Group) {
        while let Some(mut due) = self.hand_on(group) {
            due.commit().await;
            group = due;
        }
    }

    async fn keep(self: Arc<Self>, mut group: Group, changed: bool, answer: oneshot::Sender<sqlx::Result<()>>) {
        let released = group.execute("RELEASE member").await;
        group.ready.push(answer);
        group.changed |= changed;
        group.since.get_or_insert_with(Instant::now);
        if let Err(error) = released {
            group.fail(Failed::from(&error)).await;
        }
        self.go_on(group).await;
    }

    async fn undo(self: Arc<Self>, mut group: Group, failed: Option<Failed>) {
        group.undo(failed).await;
        self.go_on(group).await;
    }
}

impl Group {
    async fn execute(&mut self, sql: &'static str) -> sqlx::Result<()> {
        let connection = self.connection.as_mut().ok_or(Error::WorkerCrashed)?;
        sqlx::query_with(sql, SqliteArguments::default()).execute(connection).await.map(drop)
    }

    async fn undo(&mut self, failed: Option<Failed>) {
        let alone = self.ready.is_empty();
        let undone = self.execute(if alone { "ROLLBACK" } else { "ROLLBACK TO member; RELEASE member" }).await;
        match undone {
            Ok(()) => self.open = !alone,
            // The engine has rolled back by itself, and with this one all who are ready.
            Err(error) => self.fail(failed.unwrap_or_else(|| Failed::from(&error))).await,
        }
    }

    async fn commit(&mut self) {
        match self.execute("COMMIT").await {
            Ok(()) => {
                count("stoa_database_commits_total");
                synced(self.changed);
                self.answer(None);
            }
            Err(error) => self.fail(Failed::from(&error)).await,
        }
    }

    /// Rolls back what the engine has not, and tells all who are ready.
    async fn fail(&mut self, failed: Failed) {
        if self.execute("ROLLBACK").await.is_err() {
            self.connection = None;
        }
        self.answer(Some(&failed));
    }

    fn answer(&mut self, failed: Option<&Failed>) {
        let connection = self.connection.take();
        for answer in mem::replace(self, Self { connection, ..Self::default() }).ready {
            // Who does not wait any more is told by what they find.
            answer.send(failed.map_or(Ok(()), |failed| Err(failed.clone().into()))).ok();
        }
    }
}

impl Member {
    async fn begin(&mut self) -> sqlx::Result<()> {
        self.begun = true;
        let group = self.group.as_mut().ok_or(Error::PoolClosed)?;
        if group.connection.is_none() {
            group.connection = Some(Box::pin(SqliteConnection::connect_with(&self.queue.options)).await?);
        }
        let sql =
            if mem::replace(&mut group.open, true) { "SAVEPOINT member" } else { "BEGIN IMMEDIATE; SAVEPOINT member" };
        let begun = group.execute(sql).await;
        self.note(begun)
    }

    /// Where its statements run, as long as none has failed: as with PostgreSQL there is no going on after that.
    pub(super) fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone().into());
        }
        self.group.as_mut().and_then(|group| group.connection.as_mut()).ok_or(Error::WorkerCrashed)
    }

    /// Remembers a failure of the database.
    pub(super) fn note<T>(&mut self, done: sqlx::Result<T>) -> sqlx::Result<T> {
        if let Err(error @ (Error::Database(_) | Error::WorkerCrashed)) = &done {
            self.failed.get_or_insert_with(|| Failed::from(error));
        }
        done
    }

    /// Joins those who are ready, and waits for the COMMIT.
    pub(super) async fn commit(mut self, changed: bool) -> sqlx::Result<()> {
        self.connection()?;
        let (answer, told) = oneshot::channel();
        let group = self.group.take().ok_or(Error::PoolClosed)?;
        self.queue.runtime.spawn(self.queue.clone().keep(group, changed, answer));
        told.await.map_err(|_| Error::PoolClosed)?
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Some(mut group) = self.group.take() else { return };
        if self.begun && !group.ready.is_empty() {
            // It may have seen what they have written. Nobody may learn of that from it, nor may it find it gone
            // outside, before it is on the disk: so it waits here, for a thread that is sqlx's.
            block_on(async {
                group.undo(self.failed.take()).await;
                if !group.ready.is_empty() {
                    group.commit().await;
                }
            });
            self.begun = false;
        }
        if self.begun {
            self.queue.runtime.spawn(self.queue.clone().undo(group, self.failed.take()));
        } else if let Some(due) = self.queue.hand_on(group) {
            self.queue.runtime.spawn(self.queue.clone().go_on(due));
        }
    }
}
