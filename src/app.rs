//! The registry: which roles there are, and which calls which. Everything else asks here.
use std::sync::Arc;

use axum::Router;
use kernel::{Deployable, Edge, Host, Messaging, Module, StartError, Wire, failpoint};

/// One line a role: its name, its type, and what it calls, which stands above it.
macro_rules! roles {
    (
        modules { $($module:ident: $Module:ty $(=> $($callee:ident),+)?;)* }
        edges { $($edge:ident: $Edge:ty $(=> $($served:ident),+)?;)* }
    ) => {
        /// Every role, the edges first.
        pub(crate) const ROLES: &[Deployable] = &[
            $(Deployable { calls: &[$($(stringify!($served)),+)?], ..Deployable::edge(<$Edge as Edge>::NAME) },)*
            $(Deployable {
                calls: &[$($(stringify!($callee)),+)?],
                publishes: <<$Module as Module>::Api as Wire>::PUBLISHES,
                hears: <<$Module as Module>::Api as Wire>::HEARS,
                ..Deployable::module(name::<$Module>())
            },)*
        ];

        /// Every place at which a process can be told to die.
        pub(crate) fn failpoints() -> Vec<String> {
            let edges = [$(<$Edge as Edge>::FAILPOINTS.concat()),*].concat().into_iter().map(ToOwned::to_owned);
            edges.chain([$(failpoint::of::<$Module>()),*].concat()).collect()
        }

        /// Every module, here or over there.
        pub(crate) struct App {
            $(pub(crate) $module: Arc<<$Module as Module>::Api>,)*
        }

        impl App {
            /// The events of every module.
            pub(crate) fn messaging(&self) -> impl Iterator<Item = (&'static str, Messaging)> {
                [$((name::<$Module>(), self.$module.messaging())),*].into_iter()
            }
        }

        /// Starts the modules that run here and connects to the rest.
        pub(crate) async fn start(host: &mut Host) -> Result<App, StartError> {
            $(let $module = host.module::<$Module>(($($(Arc::clone(&$callee)),+)?)).await?;)*
            Ok(App { $($module),* })
        }

        /// What this process shows to the outside, if it is an edge.
        pub(crate) async fn edge(host: &mut Host, app: App) -> Result<Option<Router>, StartError> {
            let App { $($module),* } = app;
            let _not_every_edge_calls_each = ($(&$module,)*);
            $(if let Some(router) = host.edge::<$Edge>(($($(Arc::clone(&$served)),+)?)).await? {
                return Ok(Some(router));
            })*
            Ok(None)
        }

        /// Brings the databases of what runs here up to this release; nothing is started.
        pub(crate) async fn migrate(host: &mut Host) -> Result<(), StartError> {
            $(host.migrate(<$Edge as Edge>::NAME, &<$Edge as Edge>::MIGRATIONS).await?;)*
            $(host.migrate(name::<$Module>(), &<$Module as Module>::MIGRATIONS).await?;)*
            Ok(())
        }

        /// Tells `survey` of every type that crosses between modules; the contract's tests ask.
        #[cfg(test)]
        pub(crate) fn survey(survey: &mut impl kernel::rpc::Survey) {
            $(<<$Module as Module>::Api as Wire>::survey(survey);)*
        }
    };
}

/// The name of a module.
const fn name<M: Module>() -> &'static str {
    <M::Api as Wire>::NAME
}

roles! {
    modules {
        products: products::Module;
        users: users::Module;
        cart: cart::Module => products;
        payments: payments::Module;
        orders: orders::Module => products, users, cart, payments;
        notifications: notifications::Module => orders;
        reviews: reviews::Module => products, orders;
    }
    edges {
        gateway: gateway::Edge => users, cart;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_or_heard_is_a_module_with_that_name() {
        let is_module = |name: &&str| ROLES.iter().any(|role| role.name == *name && !role.edge);
        for role in ROLES {
            assert!(role.calls.iter().chain(role.hears).all(is_module), "{role:?}");
            assert!(role.hears.iter().all(|source| role.calls.contains(source)), "it reads what it hears of: {role:?}");
        }
    }
    /// The modules that tell of themselves.
    #[derive(Default)]
    struct Names(Vec<&'static str>);

    impl kernel::rpc::Survey for Names {
        fn module(&mut self, name: &'static str) {
            self.0.push(name);
        }
        fn argument<T>(&mut self, _: &'static str, _: &'static str) {}
        fn answer<T>(&mut self, _: &'static str) {}
        fn error<E>(&mut self, _: &'static str) {}
        fn event<E>(&mut self, _: &'static str) {}
    }

    #[test]
    fn the_contract_is_of_every_module() {
        let mut names = Names::default();
        survey(&mut names);
        let modules: Vec<_> = ROLES.iter().filter(|role| !role.edge).map(|role| role.name).collect();
        assert_eq!(names.0, modules);
    }
}
