//! Stories of people with accounts, on both engines.
mod accounts;
mod addresses;
mod emails;
mod refreshing;
mod routes;
mod sessions;

use std::{future::Future, sync::Arc};

use futures_util::future::join_all;
use kernel::{Caller, Context, Local, Module as _, Refusal, Role, Wire, testing::Folder};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::{
    Credentials, Error, Module, NewUser, SessionId, Tokens, User, UserId, Users, service::Service, settings::Settings,
};

const PASSWORD: &str = "correct horse 7";

/// How many do the same at once where a race is looked for.
const CROWD: usize = 16;

/// A module with a database of its own.
struct Shop {
    api: Arc<dyn Users>,
    service: Arc<Service>,
    context: Context,
    _folder: Folder,
}

/// Somebody with an account who has signed in.
struct Actor {
    user: User,
    caller: Caller,
    session: SessionId,
    tokens: Tokens,
}

/// A shop on each engine.
async fn shops() -> Vec<Shop> {
    shops_with(Settings::cheap(), false).await
}

/// A shop on each engine, called plainly, and checked as if over the wire with an answer that gets lost.
async fn worlds() -> Vec<Shop> {
    let mut worlds = shops().await;
    worlds.extend(shops_with(Settings::cheap(), true).await);
    worlds
}

async fn shops_with(settings: Settings, checked: bool) -> Vec<Shop> {
    let contexts = kernel::testing::contexts("users", &Module::MIGRATIONS).await;
    let open = |(context, folder): (Context, Folder)| {
        let service = Arc::new(Service::new(&context, settings.clone()).unwrap());
        let mut api: Arc<dyn Users> = service.clone();
        if checked {
            api = <dyn Users as Wire>::local(api, Local::new(&context, true, 64, 64));
        }
        Shop { api, service, context, _folder: folder }
    };
    contexts.into_iter().map(open).collect()
}

impl Shop {
    /// Somebody who has just registered and signed in.
    async fn customer(&self, name: &str) -> Actor {
        let user = self.api.register(newcomer(name)).await.unwrap();
        self.arrive(user).await
    }

    /// Somebody whom the command line gave a role.
    async fn appointed(&self, name: &str, role: Role) -> Actor {
        let user = self.api.create(Caller::System, newcomer(name), role).await.unwrap();
        self.arrive(user).await
    }

    async fn arrive(&self, user: User) -> Actor {
        let tokens = self.sign_in(&user.email, PASSWORD).await.unwrap();
        let session = session_of(&tokens);
        let caller = Caller::User { id: user.id.0, role: user.role, session: session.0 };
        Actor { user, caller, session, tokens }
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<Tokens, Error> {
        let credentials = Credentials { email: email.into(), password: password.into() };
        self.api.sign_in(credentials, "curl/8".into()).await
    }
}

fn newcomer(name: &str) -> NewUser {
    let email = format!("{name}-{}@example.com", Uuid::now_v7().simple());
    NewUser { email, password: PASSWORD.into(), name: name.into() }
}

/// What the edge reads of an access token, without its signature.
fn session_of(tokens: &Tokens) -> SessionId {
    jsonwebtoken::dangerous::insecure_decode::<crate::Claims>(&tokens.access_token).unwrap().claims.sid
}

/// Runs `act` many times at once; everybody starts when all are there.
async fn crowd<T, F>(act: impl Fn(usize, Arc<Barrier>) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = kernel::Tasks::default();
    let barrier = Arc::new(Barrier::new(CROWD));
    let running = (0..CROWD).map(|n| tasks.spawn(act(n, Arc::clone(&barrier))));
    join_all(running.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

/// The pointers and codes of an invalid request.
fn flaws<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Vec<(String, String)> {
    match outcome.unwrap_err() {
        Error::Refusal(Refusal::InvalidInput { errors }) => {
            errors.into_iter().map(|flaw| (flaw.pointer, flaw.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn flaw(pointer: &str, code: &str) -> (String, String) {
    (pointer.into(), code.into())
}

fn unauthenticated<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    outcome.unwrap_err() == Error::Refusal(Refusal::Unauthenticated)
}

fn forbidden<T: std::fmt::Debug>(outcome: Result<T, Error>) -> bool {
    outcome.unwrap_err() == Error::Refusal(Refusal::Forbidden)
}
