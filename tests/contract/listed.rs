//! Every method of every trait, and whatever else one process writes and another reads.
use std::pin::Pin;

use kernel::{Delivery, Failure, Problem, Wire};
use serde::{Serialize, de::DeserializeOwned};

use crate::{generate::Random, samples::Samples};

/// A module's trait as it is listed here.
pub(crate) struct Contract {
    pub(crate) module: &'static str,
    /// The methods that the trait has.
    pub(crate) methods: &'static [(&'static str, Delivery)],
    /// The methods that are listed.
    pub(crate) listed: Vec<&'static str>,
    pub(crate) parts: Vec<Part>,
    /// A problem body with each of its errors.
    pub(crate) problems: fn(&mut Random) -> Vec<String>,
    /// Reads a problem body and writes it again.
    pub(crate) reread: fn(&str) -> Result<String, serde_json::Error>,
}

/// One type at one place where it crosses.
pub(crate) struct Part {
    pub(crate) place: &'static str,
    pub(crate) side: Side,
    /// The JSON of a random value, which has come back from it as it was.
    pub(crate) travel: fn(&mut Random) -> String,
    /// Reads JSON and writes it again.
    pub(crate) reread: fn(&str) -> Result<String, serde_json::Error>,
}

/// Who writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller.
    Argument,
    /// The module; the caller may be of an earlier release.
    Answer,
}

/// Writes a random value, reads it back, and compares: by `PartialEq`, as secrets have no `Debug`.
fn travel<T: Serialize + DeserializeOwned + PartialEq>(
    place: &str,
    field: &'static str,
    random: &mut Random,
) -> String {
    let value: T = random.value(field);
    let text = serde_json::to_string(&value).unwrap_or_else(|error| panic!("{place} cannot be written: {error}"));
    let back = serde_json::from_str::<T>(&text).unwrap_or_else(|error| panic!("{place}: {error} in {text}"));
    let again = serde_json::to_string(&back).unwrap_or_default();
    assert!(back == value, "{place} came back changed\nsent {text}\ncame {again}");
    assert_eq!(text, again, "{place} is written differently the second time");
    text
}

/// Does the same with a problem body for each error, as [`kernel::Local`] and [`kernel::Remote`] do.
pub(crate) fn problems<E: Failure + Samples + PartialEq + Clone>(random: &mut Random) -> Vec<String> {
    let sent = |error: E| {
        let text = serde_json::to_string(&Problem::from(error.clone())).expect("a problem has a JSON form");
        let back = serde_json::from_str::<Problem<E>>(&text).unwrap_or_else(|flaw| panic!("{flaw} in {text}"));
        assert!(back.error == error, "{error:?} came back as {:?} from {text}", back.error);
        text
    };
    E::samples(random).into_iter().map(sent).collect()
}

pub(crate) fn reread<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&serde_json::from_str::<T>(text)?)
}

macro_rules! part {
    ($side:ident, $field:expr, $Type:ty, $($place:tt)*) => {
        Part {
            place: concat!($($place)*),
            side: Side::$side,
            travel: |random| travel::<$Type>(concat!($($place)*), $field, random),
            reread: reread::<$Type>,
        }
    };
}

/// Lists a trait, and what else its module writes for others. The compiler compares the types with the
/// trait's, a test the methods.
macro_rules! contract {
    ($module:ident: $Api:ident {
        $($method:ident($($arg:ident: $Arg:ty),*) -> $Value:ty;)*
    } $(and $Event:ty)?) => {
        pub(super) fn contract() -> Contract {
            let _typed = |api: &dyn $Api| {
                $(answers::<$Value, Error>(api.$method($(some::<$Arg>()),*));)*
            };
            Contract {
                module: stringify!($module),
                methods: <dyn $Api as Wire>::METHODS,
                listed: vec![$(stringify!($method)),*],
                parts: vec![
                    $(
                        $(part!(
                            Argument, stringify!($arg), $Arg,
                            stringify!($module), ".", stringify!($method), "(", stringify!($arg), ")"
                        ),)*
                        part!(Answer, "", $Value, stringify!($module), ".", stringify!($method)),
                    )*
                    $(part!(Answer, "data", $Event, stringify!($module), " ", stringify!($Event)),)?
                ],
                problems: problems::<Error>,
                reread: reread::<Problem<Error>>,
            }
        }
    };
}

fn some<T>() -> T {
    unreachable!("only its type is asked for")
}

fn answers<T, E>(_: Pin<Box<dyn Future<Output = Result<T, E>> + Send + '_>>) {}

/// Every contract.
pub(crate) fn contracts() -> [Contract; 6] {
    [
        products::contract(),
        users::contract(),
        cart::contract(),
        payments::contract(),
        orders::contract(),
        notifications::contract(),
    ]
}

/// Everything that crosses, but errors.
pub(crate) fn parts() -> impl Iterator<Item = Part> {
    contracts().into_iter().flat_map(|contract| contract.parts)
}

mod products {
    use ::products::{
        Category, Error, ImportReport, ImportedProduct, NewCategory, NewProduct, Offer, Product, ProductPatch,
        ProductQuery, Products, Reservation, Sku, Stock, StockLine, StockMovement,
    };
    use kernel::{Caller, Condition, Page, PageQuery};
    use uuid::Uuid;

    use super::*;

    contract!(products: Products {
        list(caller: Caller, query: ProductQuery) -> Page<Product>;
        every(caller: Caller, page: PageQuery) -> Page<Product>;
        get(caller: Caller, id_or_slug: String) -> Product;
        create(caller: Caller, product: NewProduct) -> Product;
        update(caller: Caller, id_or_slug: String, patch: ProductPatch, if_match: Condition) -> Product;
        archive(caller: Caller, id_or_slug: String, if_match: Condition) -> ();
        categories() -> Vec<Category>;
        create_category(caller: Caller, category: NewCategory) -> Category;
        import(caller: Caller, products: Vec<ImportedProduct>) -> ImportReport;
        stock(caller: Caller, sku: Sku) -> Stock;
        set_stock(caller: Caller, sku: Sku, on_hand: i64) -> Stock;
        ledger(caller: Caller, sku: Sku, page: PageQuery) -> Page<StockMovement>;
        offers(skus: Vec<Sku>) -> Vec<Offer>;
        reserve(order_id: Uuid, lines: Vec<StockLine>) -> Reservation;
        commit(order_id: Uuid) -> ();
        release(order_id: Uuid) -> ();
    });
}

mod users {
    use ::users::{
        Address, AddressId, Claims, Contact, Credentials, Error, NewAddress, NewUser, Session, SessionId, Tokens, User,
        UserId, UserPatch, Users, VerifyingKey,
    };
    use kernel::{Caller, Condition, Page, PageQuery, Role};

    use super::*;

    contract!(users: Users {
        register(user: NewUser) -> User;
        create(caller: Caller, user: NewUser, role: Role) -> User;
        sign_in(credentials: Credentials, user_agent: String) -> Tokens;
        refresh(refresh_token: String, key: Option<String>) -> Tokens;
        sign_out(caller: Caller, session: Option<SessionId>) -> ();
        sessions(caller: Caller) -> Vec<Session>;
        get(caller: Caller, id: UserId) -> User;
        list(caller: Caller, page: PageQuery) -> Page<User>;
        update(caller: Caller, patch: UserPatch, if_match: Condition) -> User;
        set_role(caller: Caller, id: UserId, role: Role, if_match: Condition) -> User;
        addresses(caller: Caller) -> Vec<Address>;
        add_address(caller: Caller, address: NewAddress) -> Address;
        set_address(caller: Caller, id: AddressId, address: NewAddress) -> Address;
        remove_address(caller: Caller, id: AddressId) -> ();
        contact(id: UserId) -> Contact;
        keys() -> Vec<VerifyingKey>;
    } and Claims);
}

mod cart {
    use ::cart::{Added, Cart, CartId, Carts, Error, NewItem, OrderedItem};
    use kernel::{Caller, Condition};
    use uuid::Uuid;

    use super::*;

    contract!(cart: Carts {
        get(caller: Caller) -> Cart;
        add(caller: Caller, item: NewItem, if_match: Condition) -> Added;
        set_quantity(caller: Caller, sku: String, quantity: i64, if_match: Condition) -> Cart;
        clear(caller: Caller, if_match: Condition) -> ();
        merge(guest: String, user: Uuid) -> ();
        close(id: CartId, order_id: Uuid, ordered: Vec<OrderedItem>) -> ();
    });
}

mod payments {
    use ::payments::{Authorization, Error, Payment, PaymentChanged, PaymentChoice, Payments};
    use kernel::{Caller, Event, Money};
    use uuid::Uuid;

    use super::*;

    contract!(payments: Payments {
        check(choice: PaymentChoice) -> ();
        authorize(authorization: Authorization) -> Payment;
        capture(order_id: Uuid) -> Payment;
        cancel(order_id: Uuid) -> Payment;
        refund(order_id: Uuid, key: String, amount: Money) -> Payment;
        get(caller: Caller, order_id: Uuid) -> Payment;
        webhook(provider: String, signature: String, body: String) -> ();
        act(provider: String, reference: String, approve: bool) -> ();
        events(after: i64, limit: i64, wait_ms: i64) -> Vec<Event>;
    } and PaymentChanged);
}

mod orders {
    use ::orders::{
        Error, NewOrder, NewQuote, NewRefund, NewShipment, Order, OrderChanged, OrderEvent, OrderId, OrderPatch,
        OrderQuery, Orders, Outcome, Quote, StuckOrder,
    };
    use kernel::{Caller, Condition, DeadLetter, Event, LetterQuery, Page, PageQuery};
    use uuid::Uuid;

    use super::*;

    contract!(orders: Orders {
        quote(caller: Caller, quote: NewQuote) -> Quote;
        place(caller: Caller, key: String, order: NewOrder) -> Order;
        get(caller: Caller, id: OrderId) -> Order;
        list(caller: Caller, query: OrderQuery) -> Page<Order>;
        history(caller: Caller, id: OrderId) -> Vec<OrderEvent>;
        correct(caller: Caller, id: OrderId, patch: OrderPatch, if_match: Condition) -> Order;
        cancel(caller: Caller, id: OrderId, if_match: Condition) -> Order;
        ship(caller: Caller, id: OrderId, key: String, shipment: NewShipment, if_match: Condition) -> Order;
        refund(caller: Caller, id: OrderId, key: String, refund: NewRefund, if_match: Condition) -> Order;
        stuck(caller: Caller, page: PageQuery) -> Page<StuckOrder>;
        retry(caller: Caller, id: OrderId) -> Order;
        force(caller: Caller, id: OrderId, outcome: Outcome, if_match: Condition) -> Order;
        dead_letters(caller: Caller, query: LetterQuery) -> Page<DeadLetter>;
        replay_dead_letter(caller: Caller, event_id: Uuid) -> ();
        events(after: i64, limit: i64, wait_ms: i64) -> Vec<Event>;
    } and OrderChanged);
}

mod notifications {
    use ::notifications::{
        Delivery as Sent, DeliveryQuery, Error, Notification, NotificationId, Notifications, Preferences,
    };
    use kernel::{Caller, DeadLetter, LetterQuery, Page, PageQuery};
    use uuid::Uuid;

    use super::*;

    contract!(notifications: Notifications {
        list(caller: Caller, page: PageQuery) -> Page<Notification>;
        deliveries(caller: Caller, query: DeliveryQuery) -> Page<Sent>;
        resend(caller: Caller, id: NotificationId) -> Sent;
        preferences(caller: Caller) -> Preferences;
        set_preferences(caller: Caller, preferences: Preferences) -> Preferences;
        dead_letters(caller: Caller, query: LetterQuery) -> Page<DeadLetter>;
        replay_dead_letter(caller: Caller, event_id: Uuid) -> ();
    });
}
