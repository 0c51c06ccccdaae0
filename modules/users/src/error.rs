kernel::failure! {
    /// Why accounts said no.
    pub enum Error {
        /// The e-mail address has an account.
        #[error("this e-mail address has an account")]
        EmailTaken => CONFLICT,
        /// The address or the password is wrong; which is not said.
        #[error("the e-mail address or the password is wrong")]
        WrongCredentials => UNAUTHORIZED,
        /// The refresh token is unknown, expired, or was used before.
        #[error("the refresh token is not valid; sign in again")]
        RefreshTokenInvalid => UNAUTHORIZED,
        /// Too many wrong passwords.
        #[error("too many attempts; try again in {retry_after} s")]
        TooManyAttempts {
            /// In seconds.
            retry_after: i64,
        } => TOO_MANY_REQUESTS,
        /// No such account.
        #[error("there is no such account")]
        UserNotFound => NOT_FOUND,
        /// No such session.
        #[error("there is no such session")]
        SessionNotFound => NOT_FOUND,
        /// No such address.
        #[error("there is no such address")]
        AddressNotFound => NOT_FOUND,
        /// Nobody could appoint another.
        #[error("this is the only admin, and the shop needs one")]
        LastAdmin => CONFLICT,
        /// Somebody changed it in the meantime.
        #[error("it has changed; its version is now {version}")]
        Stale {
            /// Its version now.
            version: i64,
        } => PRECONDITION_FAILED,
    }
}
