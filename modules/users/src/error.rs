use kernel::{Fault, Refusal};
use serde::{Deserialize, Serialize};

/// Why accounts said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Error {
    /// The e-mail address has an account.
    #[error("this e-mail address has an account")]
    EmailTaken,
    /// The address or the password is wrong; which is not said.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The refresh token is unknown, expired, or was used before.
    #[error("the refresh token is not valid; sign in again")]
    RefreshTokenInvalid,
    /// Too many wrong passwords.
    #[error("too many attempts; try again in {retry_after} s")]
    TooManyAttempts {
        /// In seconds.
        retry_after: i64,
    },
    /// No such account.
    #[error("there is no such account")]
    UserNotFound,
    /// No such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// No such address.
    #[error("there is no such address")]
    AddressNotFound,
    /// Nobody could appoint another.
    #[error("this is the only admin, and the shop needs one")]
    LastAdmin,
    /// Somebody changed it in the meantime.
    #[error("it has changed; its version is now {version}")]
    Stale {
        /// Its version now.
        version: i64,
    },
    /// The machinery failed.
    #[error(transparent)]
    #[serde(untagged)]
    Fault(Fault),
    /// Refused as any module would.
    #[error(transparent)]
    #[serde(untagged)]
    Refusal(Refusal),
}

kernel::failure!(Error {
    EmailTaken => CONFLICT,
    WrongCredentials => UNAUTHORIZED,
    RefreshTokenInvalid => UNAUTHORIZED,
    TooManyAttempts => TOO_MANY_REQUESTS,
    UserNotFound => NOT_FOUND,
    SessionNotFound => NOT_FOUND,
    AddressNotFound => NOT_FOUND,
    LastAdmin => CONFLICT,
    Stale => PRECONDITION_FAILED,
});
