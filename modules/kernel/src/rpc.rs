//! One trait, three ways to call it: in process, in process but checked, and over HTTP.
use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderMap, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::{MethodRouter, post},
};
use futures_util::FutureExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use crate::{
    Call, Context, DomainEvent, Failure, Fault, Inbox, Messaging, Outbox, Problem, Remote, Tasks, given::given, problem,
};

/// A module's trait object that can cross a process boundary. [`api!`](crate::api) writes it.
pub trait Wire: Send + Sync + 'static {
    /// The module's name: its path segment, config section, schema and Deployment.
    const NAME: &'static str;
    /// What is said of it, line by line: its trait's documentation.
    const ABOUT: &'static [&'static str];
    /// The type of the events that it publishes, if it does.
    const PUBLISHES: &'static [&'static str];
    /// The modules whose events it hears of.
    const HEARS: &'static [&'static str];
    /// Its methods, and what may be done to a call of each.
    const METHODS: &'static [(&'static str, CallSemantics)];
    /// The same module behind the rules that hold in every topology.
    fn local(api: Arc<Self>, local: Local) -> Arc<Self>;
    /// A client that speaks to the module at `remote`.
    fn connect(remote: Remote) -> Arc<Self>;
    /// The routes that [`Wire::connect`]'s client calls.
    fn serve(api: Arc<Self>) -> Router;
    /// Its events.
    fn messaging(&self) -> Messaging;
    /// Tells `survey` of every type that crosses, method by method.
    fn survey(survey: &mut impl Survey);
}

/// Is told of every type that crosses a process boundary: the contract between two processes, and two releases.
pub trait Survey {
    /// What follows is of the module `name`.
    fn module(&mut self, name: &'static str);
    /// `method` is called with a `T` that it calls `argument`.
    fn argument<T: Serialize + DeserializeOwned + PartialEq>(&mut self, method: &'static str, argument: &'static str);
    /// `method` answers with a `T`.
    fn answer<T: Serialize + DeserializeOwned + PartialEq>(&mut self, method: &'static str);
    /// `method` may fail with an `E`.
    fn error<E: Failure>(&mut self, method: &'static str);
    /// It publishes an `E`, which is called `name`.
    fn event<E: DomainEvent>(&mut self, name: &'static str);
}

/// What a method answers with, and how that crosses: as JSON, read and written; or as bytes that are JSON already, which
/// is what [`Ready`](crate::Ready) is for.
pub trait Reply: Sized {
    /// What its JSON is of.
    type Of: Serialize + DeserializeOwned;
    /// As it is sent.
    fn write(&self) -> serde_json::Result<Bytes>;
    /// As it arrives.
    fn read(bytes: Bytes) -> serde_json::Result<Self>;
}

impl<T: Serialize + DeserializeOwned> Reply for T {
    type Of = T;

    fn write(&self) -> serde_json::Result<Bytes> {
        serde_json::to_vec(self).map(Bytes::from)
    }

    fn read(bytes: Bytes) -> serde_json::Result<Self> {
        serde_json::from_slice(&bytes)
    }
}

/// What may be done to a call: the word before a method of [`api!`](crate::api).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallSemantics {
    /// Changes nothing: may be cancelled, and sent again.
    Read,
    /// Runs to its end once started; sent again, it changes nothing the second time.
    Idempotent,
    /// Runs to its end once started; sent again only if it provably never arrived.
    Once,
}

/// How a module is called in its own process: the same rules as over the wire.
///
/// Work whose time is up does not start; commands outlive their caller; a panic is
/// [`Fault::Internal`]; what does not fit into the module's share of the process is
/// [`Fault::Overloaded`].
#[derive(Debug, Clone)]
pub struct Local {
    module: &'static str,
    tasks: Tasks,
    /// Through serde and back, with one retry injected: what `apart` would find, found in process.
    checked: bool,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
}

impl Local {
    /// A module's share of this process: `running` calls at a time, `waiting` more in line.
    #[must_use]
    pub fn new(context: &Context, checked: bool, running: usize, waiting: usize) -> Self {
        let [running, waiting] = [running, running + waiting].map(|permits| Arc::new(Semaphore::new(permits)));
        let (tasks, outbox, inbox) = (context.tasks.clone(), context.outbox.clone(), context.inbox());
        Self { module: context.name, tasks, checked, running, waiting, outbox, inbox }
    }

    /// Calls one method.
    pub async fn call<A, T, E, F>(&self, semantics: CallSemantics, args: A, serve: impl Fn(A) -> F) -> Result<T, E>
    where
        A: Serialize + DeserializeOwned,
        T: Reply + Send + 'static,
        E: Failure + From<Fault>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        if !self.checked {
            return self.admit(semantics, serve(args)).await;
        }
        if semantics != CallSemantics::Once {
            // The answer that got lost; the caller asks again.
            let lost = self.admit(semantics, serve(sent(&args)?)).await;
            if let Err(Some(fault)) = lost.as_ref().map_err(Failure::fault) {
                return Err(fault.into());
            }
        }
        match self.admit(semantics, serve(sent(&args)?)).await {
            Ok(value) => Ok(round_trip(&value)?),
            Err(error) => Err(round_trip(&Problem::from(error))?.error),
        }
    }

    async fn admit<T, E, F>(&self, semantics: CallSemantics, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + From<Fault>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        metrics::counter!("stoa_calls_total", "module" => self.module).increment(1);
        let call = Call::current().bounded();
        if call.left().is_zero() {
            return Err(Fault::DeadlineExceeded.into());
        }
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Fault::Overloaded)?;
        let turn = Arc::clone(&self.running).acquire_owned();
        let turn =
            tokio::time::timeout(call.left(), turn).await.map_err(|_| Fault::Overloaded)?.map_err(Fault::internal)?;
        if semantics == CallSemantics::Read {
            return call.run(AssertUnwindSafe(work).catch_unwind().map(caught)).await;
        }
        let work = call.scope(AssertUnwindSafe(work).catch_unwind().map(caught));
        let ended = self.tasks.spawn(async move {
            let outcome = work.await;
            // Whoever stopped waiting, the work took up its place until here.
            drop((turn, place));
            outcome
        });
        match tokio::time::timeout(call.left(), ended).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(aborted)) => Err(Fault::internal(aborted).into()),
            Err(_) => Err(Fault::DeadlineExceeded.into()),
        }
    }
}

fn caught<T, E: Failure + From<Fault>>(outcome: std::thread::Result<Result<T, E>>) -> Result<T, E> {
    outcome.unwrap_or_else(|panic| {
        let text =
            panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Fault::internal(format!("panic: {}", text.unwrap_or_default())).into())
    })
}

/// Arguments as they arrive in another process.
fn sent<A: Serialize + DeserializeOwned>(args: &A) -> Result<A, Fault> {
    read(&given(args).map_err(Fault::internal)?.to_string())
}

/// An answer as it arrives in another process, where what it is of can be read.
fn round_trip<T: Reply>(value: &T) -> Result<T, Fault> {
    let bytes = value.write().map_err(Fault::internal)?;
    let of: T::Of = read(&String::from_utf8_lossy(&bytes))?;
    T::read(of.write().map_err(Fault::internal)?).map_err(Fault::internal)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::internal(format!("{text} does not survive the wire: {error}")))
}

/// Marks a failure as the module's own answer.
///
/// A refused token, an unknown address or a proxy may well answer with a body of the same form.
pub(crate) const ANSWER: &str = "x-module-answer";

/// The server's side of [`Remote::call`].
pub fn method<A, T, E, F>(serve: impl Fn(A) -> F + Clone + Send + Sync + 'static) -> MethodRouter
where
    A: DeserializeOwned + Send + 'static,
    T: Reply,
    E: Failure + From<Fault>,
    F: Future<Output = Result<T, E>> + Send,
{
    let method = post(move |headers: HeaderMap, body: Bytes| {
        let call = Call::from_headers(&headers);
        call.scope(async move {
            let outcome = match serde_json::from_slice(&body) {
                Ok(args) => serve(args).await,
                // A process of a later release asks for what this one does not know: one of its own can do it.
                Err(error) => {
                    Err(Fault::unavailable(format!("arguments that this release cannot read: {error}")).into())
                }
            };
            match outcome.map(|value| value.write()) {
                Ok(Ok(json)) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
                Ok(Err(error)) => problem(Fault::internal(error)),
                Err(error) => ([(ANSWER, "1")], Problem::from(error)).into_response(),
            }
        })
    });
    // Only processes of this shop come this far, and in one process there is no limit either.
    method.layer(DefaultBodyLimit::disable())
}

/// Defines a module's trait, and every way to call it.
///
/// Each method begins with one word: `read`, `idempotent` or `once` (see [`CallSemantics`]). A module that publishes
/// says so in the head, as `pub trait Orders("orders") publishes OrderEvent`, and so does one that hears of others'
/// events: `hears PaymentEvent`, both in this order.
#[macro_export]
macro_rules! api {
    (
        $(#[doc = $about:literal])+
        pub trait $Api:ident($module:literal) $(publishes $Event:ident)? $(hears $($Heard:ident),+)? {
            $(
                $(#[$doc:meta])*
                $semantics:ident async fn $method:ident(&self $(, $arg:ident: $ty:ty)* $(,)?)
                    -> Result<$Value:ty, $Error:ty>;
            )*
        }
    ) => {
        $(#[doc = $about])+
        #[$crate::async_trait]
        pub trait $Api: Send + Sync + 'static {
            $($(#[$doc])* async fn $method(&self, $($arg: $ty),*) -> Result<$Value, $Error>;)*

            /// The kernel's part: how its events are read. Whoever hosts it says where they are.
            #[doc(hidden)]
            fn messaging(&self) -> $crate::Messaging {
                $crate::Messaging::default()
            }
        }

        /// For tests: the same methods, of which one writes those that a test needs; any other panics with its name.
        ///
        /// What is a `Double` can be used wherever the module can.
        #[$crate::async_trait]
        pub trait Double: Send + Sync + 'static {
            $(#[doc = concat!("Stands in for [`", stringify!($Api), "::", stringify!($method), "`].")]
            async fn $method(&self, $($arg: $ty),*) -> Result<$Value, $Error> {
                $(let _ = $arg;)*
                panic!(concat!($module, ".", stringify!($method), " is called, and its double does not have it"))
            })*

            /// Its events; it publishes none where a test does not write them.
            fn messaging(&self) -> $crate::Messaging {
                $crate::Messaging::default()
            }
        }

        #[$crate::async_trait]
        impl<D: Double> $Api for D {
            $(async fn $method(&self, $($arg: $ty),*) -> Result<$Value, $Error> {
                Double::$method(self, $($arg),*).await
            })*

            fn messaging(&self) -> $crate::Messaging {
                Double::messaging(self)
            }
        }

        $(impl $crate::Publisher for dyn $Api {
            type Event = $Event;
        })?

        const _: () = {
            use ::std::{boxed::Box, result::Result, sync::Arc};

            $(
                #[derive($crate::serde::Serialize, $crate::serde::Deserialize)]
                #[serde(crate = "kernel::serde")]
                #[allow(non_camel_case_types, clippy::struct_field_names, reason = "named after the method whose arguments they are")]
                struct $method { $($arg: $ty),* }
            )*

            impl $crate::Wire for dyn $Api {
                const NAME: &'static str = $module;
                const ABOUT: &'static [&'static str] = &[$($about),+];
                const PUBLISHES: &'static [&'static str] = &[$(stringify!($Event))?];
                const HEARS: &'static [&'static str] =
                    &[$($(<<$Heard as $crate::DomainEvent>::Publisher as $crate::Wire>::NAME),+)?];
                const METHODS: &'static [(&'static str, $crate::CallSemantics)] =
                    &[$((stringify!($method), $crate::call_semantics!($semantics))),*];
                fn local(api: Arc<Self>, local: $crate::Local) -> Arc<Self> {
                    Arc::new(InProcess { api, local })
                }
                fn connect(remote: $crate::Remote) -> Arc<Self> {
                    Arc::new(OverHttp(remote))
                }
                fn serve(api: Arc<Self>) -> $crate::axum::Router {
                    $crate::events::serve(&*api)$(.route(concat!("/rpc/", $module, "/", stringify!($method)), {
                        let api = Arc::clone(&api);
                        $crate::rpc::method(move |$method { $($arg),* }| {
                            let api = Arc::clone(&api);
                            async move { api.$method($($arg),*).await }
                        })
                    }))*
                }
                fn messaging(&self) -> $crate::Messaging {
                    $Api::messaging(self)
                }
                fn survey(survey: &mut impl $crate::rpc::Survey) {
                    survey.module($module);
                    $crate::events::survey::<Self>(survey);
                    $(survey.event::<$Event>(stringify!($Event));)?
                    $(
                        $(survey.argument::<$ty>(stringify!($method), stringify!($arg));)*
                        survey.answer::<<$Value as $crate::Reply>::Of>(stringify!($method));
                        survey.error::<$Error>(stringify!($method));
                    )*
                }
            }

            struct InProcess {
                api: Arc<dyn $Api>,
                local: $crate::Local,
            }

            #[$crate::async_trait]
            impl $Api for InProcess {
                $(async fn $method(&self, $($arg: $ty),*) -> Result<$Value, $Error> {
                    let serve = |$method { $($arg),* }| {
                        let api = Arc::clone(&self.api);
                        async move { api.$method($($arg),*).await }
                    };
                    self.local.call($crate::call_semantics!($semantics), $method { $($arg),* }, serve).await
                })*

                fn messaging(&self) -> $crate::Messaging {
                    $crate::Messaging::here(&self.local)
                }
            }

            struct OverHttp($crate::Remote);

            #[$crate::async_trait]
            impl $Api for OverHttp {
                $(async fn $method(&self, $($arg: $ty),*) -> Result<$Value, $Error> {
                    let path = concat!("/rpc/", $module, "/", stringify!($method));
                    self.0.call($crate::call_semantics!($semantics), path, &$method { $($arg),* }).await
                })*

                fn messaging(&self) -> $crate::Messaging {
                    $crate::Messaging::there(&self.0)
                }
            }
        };
    };
    ($($other:tt)*) => {
        compile_error!(
            "a module's trait is written `/// What it is.` `pub trait Name(\"name\") publishes Event hears Event { … }`, the \
             last two if it does, and each method `read async fn name(&self, argument: Type) -> Result<Answer, Error>;`, \
             or `idempotent` or `once` instead of `read`"
        );
    };
}

/// The three words that a method of [`api!`] may start with.
#[doc(hidden)]
#[macro_export]
macro_rules! call_semantics {
    (read) => {
        $crate::CallSemantics::Read
    };
    (idempotent) => {
        $crate::CallSemantics::Idempotent
    };
    (once) => {
        $crate::CallSemantics::Once
    };
    ($other:ident) => {
        compile_error!(concat!(
            "a method begins with `read`, `idempotent` or `once`, and not with `",
            stringify!($other),
            "`"
        ))
    };
}
