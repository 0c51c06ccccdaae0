kernel::failure! {
    /// Why the edge itself said no.
    pub enum Error {
        /// The request is not HTTP that anybody here understands.
        #[error("the request could not be understood")]
        BadRequest => BAD_REQUEST,
        /// The access token is broken, expired or not of this shop; which is not said.
        #[error("the access token is not valid; refresh it or sign in again")]
        InvalidToken => UNAUTHORIZED,
        /// The idempotency key named another request before.
        #[error("this Idempotency-Key was used for another request; choose a new one")]
        KeyReused => UNPROCESSABLE_ENTITY,
        /// The request with this idempotency key has not been answered yet.
        #[error("the request with this Idempotency-Key is still running")]
        RequestInProgress => CONFLICT,
        /// What was asked for is not what `If-Match` names.
        #[error("it is not what `If-Match` names; look at it without")]
        PreconditionFailed => PRECONDITION_FAILED,
    }
}
