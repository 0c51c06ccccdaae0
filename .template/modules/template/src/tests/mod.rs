//! Notes on both engines.
use std::sync::Arc;

use chrono::TimeDelta;
use kernel::{Caller, Local, Module as _, PageQuery, Refusal, Role, Wire, testing::Folder};
use uuid::Uuid;

use crate::{Error, Module, NewNote, Note, NoteAdded, NoteEvent, Template, service::Service};

/// One engine's notes, called as in a checked process: through serde, and what may be repeated is.
struct Shop {
    service: Arc<Service>,
    api: Arc<dyn Template>,
    clock: kernel::Clock,
    _folder: Folder,
}

async fn shops() -> Vec<Shop> {
    let contexts = kernel::testing::contexts("template", &Module::MIGRATIONS).await;
    let open = |(context, folder): (kernel::Context, Folder)| {
        let service = Arc::new(Service::new(&context).unwrap());
        let api = <dyn Template>::local(service.clone(), Local::new(&context, true, 64, 256));
        Shop { service, api, clock: context.clock, _folder: folder }
    };
    contexts.into_iter().map(open).collect()
}

fn staff() -> Caller {
    Caller::User { id: Uuid::nil(), role: Role::Staff, session: Uuid::nil() }
}

impl Shop {
    async fn add(&self, key: &str, text: &str) -> Result<Note, Error> {
        self.api.add(staff(), key.into(), NewNote { text: text.into() }).await
    }

    async fn page(&self, limit: u32, cursor: Option<String>) -> (Vec<String>, Option<String>) {
        let page = self.api.list(Caller::Anonymous, PageQuery { limit: Some(limit), cursor }).await.unwrap();
        (page.items.into_iter().map(|note| note.text).collect(), page.next)
    }
}

#[tokio::test]
async fn one_key_is_one_note_and_one_event() {
    for shop in shops().await {
        let note = shop.add("a", " First ").await.unwrap();
        assert_eq!((&*note.text, shop.add("a", "First").await), ("First", Ok(note.clone())));
        assert_eq!(shop.add("a", "Second").await, Err(Error::KeyReused));
        let events = shop.api.messaging().events(0, 10, 0).await.unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].read().unwrap(), Some(NoteEvent::Added(NoteAdded { note })));
    }
}

#[tokio::test]
async fn anyone_reads_and_staff_writes() {
    for shop in shops().await {
        for text in ["1", "2", "3"] {
            shop.add(text, text).await.unwrap();
        }
        let (first, next) = shop.page(2, None).await;
        assert_eq!((first, shop.page(2, next).await), (vec!["3".into(), "2".into()], (vec!["1".into()], None)));
        let refused = shop.api.add(Caller::Anonymous, "k".into(), NewNote { text: "4".into() }).await;
        assert_eq!(refused, Err(Refusal::Unauthenticated.into()));
        let Err(Error::Refusal(Refusal::InvalidInput { errors })) = shop.add("k", " ").await else { panic!("blank") };
        assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/text", "required"));
    }
}

#[tokio::test]
async fn what_is_old_goes() {
    for shop in shops().await {
        shop.add("a", "Old").await.unwrap();
        shop.clock.advance(TimeDelta::days(31));
        shop.add("b", "New").await.unwrap();
        assert_eq!((shop.service.expire().await, shop.page(9, None).await.0), (Ok(1), vec!["New".to_owned()]));
    }
}
