//! What can be done with notes.
use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use kernel::{Caller, Clock, Context, Db, Fault, Outbox, Page, PageQuery, StartError, Tasks, Violations, line};
use uuid::Uuid;

use crate::{Error, NewNote, Note, NoteAdded, NoteEvent, NoteId, Template, api::NoteText, settings::Settings, store};

pub(crate) struct Service {
    db: Db,
    outbox: Outbox,
    clock: Clock,
    settings: Settings,
}

impl Service {
    pub(crate) fn new(context: &Context) -> Result<Self, StartError> {
        let settings = context.config::<Settings>()?.checked()?;
        let Context { db, outbox, clock, .. } = context.clone();
        Ok(Self { db, outbox, clock, settings })
    }

    /// Deletes what is older than it may be; how much that was.
    pub(crate) async fn expire(&self) -> Result<u64, Fault> {
        store::expire(&self.db, self.clock.now() - TimeDelta::days(self.settings.keep_days)).await
    }
}

#[kernel::async_trait]
impl Template for Service {
    async fn list(&self, _: Caller, page: PageQuery) -> Result<Page<Note>, Error> {
        let (limit, before) = page.read()?;
        let rows = store::list(&self.db, before.unwrap_or(NoteId(Uuid::max())), limit + 1).await?;
        Ok(Page::new(rows, limit, |note| note.id))
    }

    async fn add(&self, caller: Caller, key: String, note: NewNote) -> Result<Note, Error> {
        caller.staff()?;
        let mut checks = Violations::new();
        let key = checks.field("Idempotency-Key", line(&key, 1, 255));
        let text = checks.field("/text", NoteText::read(&note.text));
        let (key, text) = checks.finish(key.zip(text))?;
        let note = Note { id: NoteId::new(), text, created_at: self.clock.now() };
        let mut tx = self.db.begin().await?;
        // Whoever sends the same at once waits here until it is done.
        if let Some(known) = store::add(&mut tx, &caller.scope().name(&key), &note).await? {
            return if known.text == note.text { Ok(known) } else { Err(Error::KeyReused) };
        }
        self.outbox.add(&mut tx, &NoteEvent::Added(NoteAdded { note: note.clone() })).await?;
        tx.commit().await?;
        self.outbox.wake();
        tracing::info!(note.id = %note.id, "a note was added");
        Ok(note)
    }
}

/// Deletes old notes every hour.
pub(crate) fn sweep(tasks: &Tasks, service: &Arc<Service>) {
    let service = Arc::clone(service);
    let step = move || {
        let service = Arc::clone(&service);
        async move { service.expire().await.unwrap_or_default() > 0 }
    };
    tasks.repeat(Duration::from_hours(1), step, std::future::pending);
}
