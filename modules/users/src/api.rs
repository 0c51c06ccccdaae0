//! What the other modules see of accounts.
use chrono::{DateTime, Utc};
use kernel::{Caller, Condition, Page, PageQuery, Role};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use crate::{Error, forms};

kernel::id! {
    /// Identifies an account.
    pub struct UserId;
}

kernel::id! {
    /// Identifies a session: one sign-in and all that was refreshed from it.
    pub struct SessionId;
}

kernel::id! {
    /// Identifies an address in somebody's book.
    pub struct AddressId;
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, FromRow)]
pub struct User {
    /// Its identifier.
    pub id: UserId,
    /// Unique, compared without regard to case; an internationalised domain is in A-labels.
    #[schema(example = "ada@example.com")]
    pub email: String,
    /// What to call them.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Counts changes; the `ETag`.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// An account to create.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Where they get mail: one address, ASCII before the `@`.
    #[schema(value_type = kernel::EmailAddress)]
    pub email: String,
    /// 10 to 256 characters, and not one of the most common.
    #[schema(value_type = forms::Password, inline)]
    pub password: String,
    /// What to call them.
    #[schema(value_type = forms::Name, inline)]
    pub name: String,
}

/// What to change of one's account; what is absent stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// What to call them.
    #[schema(value_type = Option<forms::Name>, inline)]
    pub name: Option<String>,
    /// The new password; every other session ends.
    #[schema(value_type = Option<forms::Password>, inline)]
    pub password: Option<String>,
    /// The present one; required with `password`.
    #[schema(value_type = Option<forms::Attempt>, inline)]
    pub current_password: Option<String>,
}

/// Who signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The account's address.
    #[schema(value_type = forms::Login, inline)]
    pub email: String,
    /// Its password.
    #[schema(value_type = forms::Attempt, inline)]
    pub password: String,
}

/// A session as its owner gets it, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// A JWT signed with Ed25519 (RFC 8037), for the `Authorization` header.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token is good for, in seconds.
    pub expires_in: i64,
    /// Good once for new tokens; used again later than at once, the session ends.
    pub refresh_token: String,
    /// Whose they are.
    pub user: User,
}

/// A session as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, FromRow)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// What signed in, in its own words.
    pub user_agent: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub refreshed_at: DateTime<Utc>,
    /// When it ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
}

/// Where somebody lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, FromRow)]
pub struct Address {
    /// Its identifier.
    pub id: AddressId,
    /// The address.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub address: PostalAddress,
    /// Whether it is the one to suggest.
    pub is_default: bool,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, FromRow)]
pub struct PostalAddress {
    /// Who gets the parcel.
    #[schema(value_type = forms::Name, inline)]
    pub name: String,
    /// Street and number.
    #[schema(value_type = forms::Street, inline)]
    pub line1: String,
    /// What line 1 has no room for.
    #[schema(value_type = Option<forms::MoreStreet>, inline)]
    pub line2: Option<String>,
    /// Town.
    #[schema(value_type = forms::City, inline)]
    pub city: String,
    /// State, province or region.
    #[schema(value_type = Option<forms::Region>, inline)]
    pub region: Option<String>,
    /// Postal code; absent, null or empty where the country has none, or mail arrives without.
    #[serde(default, deserialize_with = "kernel::or_default")]
    #[schema(value_type = Option<forms::AnyPostalCode>, inline, required = false)]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, in either case; kept in capitals.
    #[schema(value_type = kernel::Country)]
    pub country: String,
    /// For the carrier, as people write it: digits of any script and up to 60 characters.
    #[schema(value_type = Option<forms::Phone>, inline)]
    pub phone: Option<String>,
}

/// An address to put into one's book, or to change one to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewAddress {
    /// The address.
    pub address: PostalAddress,
    /// Whether it is the one to suggest.
    #[serde(default)]
    pub is_default: bool,
}

/// How to reach somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Where they get mail.
    pub email: String,
    /// What to call them.
    pub name: String,
}

/// A key that access tokens are verified with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifyingKey {
    /// Which; the `kid` of a token.
    pub kid: String,
    /// The Ed25519 public key: 32 bytes in base64url without padding (RFC 8037, `x`).
    pub x: String,
}

/// What an access token says (RFC 7519), and the edge believes once its signature holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// What the account may do.
    pub role: Role,
    /// Who signed: the shop.
    pub iss: String,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
}

/// The `iss` of every access token.
pub const ISSUER: &str = "stoa";

kernel::api! {
    /// Accounts, sessions and addresses.
    pub trait Users("users") {
        /// Opens a customer's account.
        once async fn register(&self, user: NewUser) -> Result<User, Error>;

        /// Opens an account with a role. Admins, and the command line.
        once async fn create(&self, caller: Caller, user: NewUser, role: Role) -> Result<User, Error>;

        /// Begins a session. A wrong address and a wrong password look and take the same.
        once async fn sign_in(&self, credentials: Credentials, user_agent: String) -> Result<Tokens, Error>;

        /// Exchanges a refresh token for new tokens. One that comes back ends the session.
        ///
        /// For some seconds it may be used again, and for some minutes under the same `key`, as long as what it was
        /// exchanged for was not used: the answer is the same refresh token.
        once async fn refresh(&self, refresh_token: String, key: Option<String>) -> Result<Tokens, Error>;

        /// Ends the caller's session, or another of theirs.
        idempotent async fn sign_out(&self, caller: Caller, session: Option<SessionId>) -> Result<(), Error>;

        /// Lists the caller's sessions, the latest first.
        read async fn sessions(&self, caller: Caller) -> Result<Vec<Session>, Error>;

        /// Looks up an account: one's own, or any for staff.
        read async fn get(&self, caller: Caller, id: UserId) -> Result<User, Error>;

        /// Lists accounts by e-mail address. Staff.
        read async fn list(&self, caller: Caller, page: PageQuery) -> Result<Page<User>, Error>;

        /// Changes one's own account, if its version is as `if_match` asks.
        once async fn update(&self, caller: Caller, patch: UserPatch, if_match: Condition) -> Result<User, Error>;

        /// Changes what an account may do, if its version is as `if_match` asks, and ends its sessions. Admins, but not
        /// their own.
        idempotent async fn set_role(&self, caller: Caller, id: UserId, role: Role, if_match: Condition) -> Result<User, Error>;

        /// Lists one's addresses, the default first.
        read async fn addresses(&self, caller: Caller) -> Result<Vec<Address>, Error>;

        /// Puts an address into one's book.
        once async fn add_address(&self, caller: Caller, address: NewAddress) -> Result<Address, Error>;

        /// Changes an address in one's book.
        idempotent async fn set_address(&self, caller: Caller, id: AddressId, address: NewAddress) -> Result<Address, Error>;

        /// Takes an address out of one's book.
        idempotent async fn remove_address(&self, caller: Caller, id: AddressId) -> Result<(), Error>;

        /// How to reach an account, for the modules that write to it.
        read async fn contact(&self, id: UserId) -> Result<Contact, Error>;

        /// The keys that access tokens are verified with.
        read async fn keys(&self) -> Result<Vec<VerifyingKey>, Error>;
    }
}
