kernel::failure! {
    /// Why notes said no.
    pub enum Error {
        /// The key was of another note.
        #[error("the Idempotency-Key was used for another note")]
        KeyReused => UNPROCESSABLE_ENTITY,
    }
}
